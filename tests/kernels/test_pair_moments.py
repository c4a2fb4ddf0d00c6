"""Moments of pairs of neighbors: against NumPy from the definition, and against finite differences."""

import dataclasses

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from deepmd_tf import _kernels as cpu
from deepmd_tf.errors import InputError

from .device import kernels

pytestmark = pytest.mark.usefixtures("on_device")

NTYPES, UNIT = 3, 2.0


@dataclasses.dataclass
class Edges:
    """Rows of centers in no order of type."""

    rows: np.ndarray
    edge_splits: np.ndarray
    neighbor: np.ndarray
    type: np.ndarray

    def cells(self, per_octave=2, threads=1):
        return kernels.cells_of_pairs(
            self.rows, self.edge_splits, self.neighbor, self.type, NTYPES, UNIT, per_octave, threads
        )


def make_edges(rng, sizes):
    neighbor = rng.integers(0, len(sizes) + 4, sum(sizes)).astype(np.int32)
    types = rng.integers(0, NTYPES, len(sizes) + 4).astype(np.int32)
    rows = rng.normal(size=(len(neighbor), 4)) * rng.choice([0.1, 1.0, 7.0], (len(neighbor), 1))
    return Edges(rows, np.cumsum([0, *sizes]), neighbor, types)


@pytest.fixture
def edges(rng):
    return make_edges(rng, [5, 0, 1, 17, 2])


def cell_of(cells, code, theta):
    """The one cell of a code that holds theta."""
    start, end = cells.start, cells.start + cells.width
    found = np.flatnonzero((cells.code == code) & (start <= theta) & (theta < end))
    assert len(found) == 1
    return found[0]


def pairs_of(edges, center):
    """Ordered pairs of edges around a center that count, with their code."""
    of_center = range(edges.edge_splits[center], edges.edge_splits[center + 1])
    for j in of_center:
        for k in of_center:
            t, u = edges.type[edges.neighbor[[j, k]]]
            if t <= u:
                yield j, k, t * NTYPES + u


def expected_moments(edges, cells, terms):
    """Straight from the definition."""
    moments = np.zeros((len(edges.edge_splits) - 1, len(cells.code), terms))
    for i in range(len(moments)):
        for j, k, code in pairs_of(edges, i):
            theta = edges.rows[j, 1:] @ edges.rows[k, 1:]
            c = cell_of(cells, code, theta)
            u = 2 * (theta - cells.start[c]) / cells.width[c] - 1
            moments[i, c] += theta * chebyshev.chebvander(np.array([u]), terms - 1)[0]
    return moments


@pytest.mark.parametrize("per_octave", [1, 2, 16])
def test_cells_are_those_that_hold_pairs(edges, per_octave):
    cells = edges.cells(per_octave)
    assert (np.diff(cells.code.astype(int) * 2**20 + cells.panel) > 0).all()
    held = set()
    for i in range(len(edges.edge_splits) - 1):
        for j, k, code in pairs_of(edges, i):
            held.add(cell_of(cells, code, edges.rows[j, 1:] @ edges.rows[k, 1:]))
    assert held == set(range(len(cells.code)))
    # an octave of |theta| / unit + 1 has `per_octave` panels of one width
    middle = np.abs(cells.start + cells.width / 2) / UNIT + 1
    np.testing.assert_allclose(cells.width * per_octave, UNIT * 2.0 ** np.floor(np.log2(middle)))
    assert (cells.start < 0).any() and (cells.start >= 0).any()


@pytest.mark.parametrize("terms", [2, 3, 7, 16, 32])
def test_moments(edges, terms):
    cells = edges.cells()
    expected = expected_moments(edges, cells, terms)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(kernels.pair_moments(cells, terms), expected, rtol=1e-11, atol=1e-13 * scale)


def test_a_crowd(rng):
    """More pairs than one piece of work holds."""
    edges = make_edges(rng, [3, 150])
    cells = edges.cells()
    expected = expected_moments(edges, cells, 16)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(kernels.pair_moments(cells, 16), expected, rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize("sizes", [[], [0], [0, 0, 0], [1], [1, 0, 1]])
def test_few_neighbors(rng, sizes):
    edges = make_edges(rng, sizes)
    cells = edges.cells()
    expected = expected_moments(edges, cells, 5)
    got = kernels.pair_moments(cells, 5)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    v = rng.normal(size=edges.rows.shape)
    change = np.sum(kernels.pair_moments(cells, 5, v) * got)
    assert change == pytest.approx(np.sum(kernels.pair_moments_grad_rows(cells, got) * v), rel=1e-10)


def along(edges, v, step, per_octave):
    """The same edges, their rows a step along v."""
    return dataclasses.replace(edges, rows=edges.rows + step * v).cells(per_octave)


@pytest.mark.parametrize("terms", [2, 5, 16])
def test_change_along_the_rows(rng, terms):
    """Against the difference of moments, for rows that no step moves into another cell."""
    edges = make_edges(rng, [5, 1, 6])
    v, step = rng.normal(size=edges.rows.shape), 1e-7
    cells, before, after = (along(edges, v, h, 2) for h in (0.0, -step, step))
    assert np.array_equal(before.panel, after.panel) and np.array_equal(before.code, after.code)
    got = kernels.pair_moments(cells, terms, v)
    expected = (kernels.pair_moments(after, terms) - kernels.pair_moments(before, terms)) / (2 * step)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("terms", [2, 5, 16, 31])
def test_transposes_of_each_other(edges, rng, terms):
    """<S_grad, change along v> = <derivative by the rows, v>, and the first column of rows plays no part."""
    cells = edges.cells()
    v = rng.normal(size=edges.rows.shape)
    moments_grad = rng.normal(size=kernels.pair_moments(cells, terms).shape)
    rows_grad = kernels.pair_moments_grad_rows(cells, moments_grad)
    assert not rows_grad[:, 0].any() and rows_grad[:, 1:].all()
    change = np.sum(moments_grad * kernels.pair_moments(cells, terms, v))
    assert change == pytest.approx(np.sum(rows_grad * v), rel=1e-10)


def everything(rng, threads=1):
    """Every kernel of the same random numbers."""
    edges = make_edges(rng, [*rng.integers(0, 60, 40), 130])
    cells = edges.cells(threads=threads)
    moments = kernels.pair_moments(cells, 16, None, threads)
    return [
        cells.code,
        cells.panel,
        moments,
        kernels.pair_moments(cells, 16, rng.normal(size=edges.rows.shape), threads),
        kernels.pair_moments_grad_rows(cells, rng.normal(size=moments.shape), threads),
    ]


def test_same_for_any_number_of_threads(on_device):
    """A GPU, which has its own, gives the same in every run."""
    expected = everything(np.random.default_rng(5))
    for threads in (2, 3, 8) if on_device == "cpu" else (1,):
        for got, array in zip(everything(np.random.default_rng(5), threads), expected, strict=True):
            np.testing.assert_array_equal(got, array)


def test_devices_agree():
    """On the cells, and but for rounding on everything else."""
    got = everything(np.random.default_rng(5))
    kernels.module = cpu
    for a, b in zip(got, everything(np.random.default_rng(5)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=0 if b.dtype == np.int32 else 1e-12 * np.abs(b).max())


@pytest.mark.parametrize("per_octave", [16, 512])
def test_many_cells(rng, per_octave):
    """More than a digit of the sort holds, and than the coefficients of fit into the memory of a block."""
    edges = make_edges(rng, [40, 0, 90])
    cells, terms = edges.cells(per_octave), 3
    assert len(cells.code) > (256 if per_octave == 16 else 64 * 1024 / (8 * terms))
    moments = kernels.pair_moments(cells, terms)
    expected = expected_moments(edges, cells, terms)
    # theta is rounded as the products of its longest rows are, and a cell is narrow: the change of theta T_2(u) by that
    largest = np.finfo(float).eps * np.sum(edges.rows[:, 1:] ** 2, axis=1).max()
    bound = 8 * largest * (2 / cells.width) * (terms - 1) ** 2 * (np.abs(cells.start) + cells.width)
    assert (np.abs(moments - expected) < bound[:, None] + 1e-11 * np.abs(expected)).all()
    v = rng.normal(size=edges.rows.shape)
    change = np.sum(kernels.pair_moments(cells, terms, v) * moments)
    assert change == pytest.approx(np.sum(kernels.pair_moments_grad_rows(cells, moments) * v), rel=1e-10)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda e: e.rows.__setitem__((3, 2), np.nan), "edge 3: its environment row is not finite"),
        (lambda e: e.rows.__setitem__((3, 2), np.inf), "edge 3: its environment row is not finite"),
        (lambda e: e.neighbor.__setitem__(3, 99), "neighbor: expected an atom"),
        (lambda e: e.type.__setitem__(3, 9), "type"),
    ],
)
def test_refuses_edges(edges, spoil, said):
    spoil(edges)
    with pytest.raises(InputError, match=said):
        edges.cells()


@pytest.mark.parametrize("per_octave", [0, 3, -4])
def test_refuses_panels(edges, per_octave):
    with pytest.raises(InputError, match="power of two per octave"):
        edges.cells(per_octave)


@pytest.mark.parametrize("terms", [1, 33])
def test_refuses_terms(edges, terms):
    with pytest.raises(InputError, match="2 to 32 terms"):
        kernels.pair_moments(edges.cells(), terms)
