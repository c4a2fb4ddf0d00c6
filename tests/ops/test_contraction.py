from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from numpy.polynomial import chebyshev

from deepmd_tf import ops

NTYPES = 3
LOWEST = -1.3


@dataclass
class Edges:
    """Rows of centers, sorted by neighbor type, then by falling s."""

    rows: np.ndarray
    edge_splits: np.ndarray
    neighbor: np.ndarray
    type: np.ndarray

    def cells(self, per_octave=2, one_side=True, exclude_types=()):
        panels = ops.Panels(LOWEST, 2.0, per_octave) if per_octave else None
        return ops.radial_cells(
            self.rows, self.edge_splits, self.neighbor, self.type, panels,
            ntypes=NTYPES, one_side=one_side, exclude_types=exclude_types,
        )  # fmt: skip


def make_edges(rng, ncenters=5, most=9):
    types = rng.integers(0, NTYPES, ncenters + 4).astype(np.int32)
    sizes = rng.integers(0, most, ncenters)
    sizes[1] = 0
    rows, neighbor = [], []
    for size in sizes:
        atoms = rng.integers(0, len(types), size)
        s = LOWEST + rng.gamma(1.0, 4.0, size)
        order = np.lexsort((-s, types[atoms]))
        rows.append(np.concatenate([s[:, None], rng.normal(size=(size, 3))], axis=1)[order])
        neighbor.append(atoms[order])
    return Edges(
        np.concatenate(rows), np.cumsum([0, *sizes]), np.concatenate(neighbor).astype(np.int32), types
    )  # fmt: skip


@pytest.fixture
def edges(rng):
    return make_edges(rng)


def cell_of_edges(cells, nedge):
    """The cell of every edge, -1 for those in none."""
    found = np.full(nedge, -1)
    for (begin, end), cell in zip(cells.run_edges.numpy(), cells.run_cell.numpy(), strict=True):
        assert (found[begin:end] == -1).all()
        found[begin:end] = cell
    return found


def expected_contraction(edges, cells, table):
    """Straight from the definition, with NumPy's Chebyshev series."""
    t = np.zeros((len(edges.edge_splits) - 1, 4, table.shape[2]))
    center = np.repeat(np.arange(len(t)), np.diff(edges.edge_splits))
    of_edge = cell_of_edges(cells, len(edges.rows))
    for c in np.unique(of_edge[of_edge >= 0]):
        mine = np.flatnonzero(of_edge == c)
        u = 2 * (edges.rows[mine, 0] - float(cells.cell_start[c])) / float(cells.cell_width[c]) - 1
        np.add.at(
            t, center[mine], np.einsum("ea,me->eam", edges.rows[mine], chebyshev.chebval(u, np.asarray(table)[c]))
        )
    return t


def make_table(rng, cells, terms=16, width=21):
    return rng.normal(size=(len(cells.cell_code), terms, width)) * 0.5 ** np.arange(terms)[:, None]


@pytest.mark.parametrize("per_octave", [1, 2, 4])
@pytest.mark.parametrize("one_side", [True, False])
def test_cells_hold_their_edges(edges, per_octave, one_side):
    cells = edges.cells(per_octave, one_side)
    of_edge = cell_of_edges(cells, len(edges.rows))
    center = np.repeat(np.arange(len(edges.edge_splits) - 1), np.diff(edges.edge_splits))
    code = edges.type[edges.neighbor] + (0 if one_side else NTYPES * edges.type[center])
    s = edges.rows[:, 0]
    start, width = cells.cell_start.numpy()[of_edge], cells.cell_width.numpy()[of_edge]
    assert (of_edge >= 0).all()
    np.testing.assert_array_equal(cells.cell_code.numpy()[of_edge], code)
    assert (s >= start - 1e-12).all() and (s <= start + width + 1e-12).all()
    # an octave of x = s - lowest + 2 has `per_octave` panels of one width
    np.testing.assert_allclose(width * per_octave, 2.0 ** np.floor(np.log2(s - LOWEST + 2)))
    assert len(set(zip(code, start, strict=True))) == len(cells.cell_code)


def test_runs_are_listed_by_center_and_by_cell(edges):
    cells = edges.cells()
    nrun = len(cells.run_cell)
    centers = np.repeat(np.arange(len(edges.edge_splits) - 1), np.diff(cells.run_splits))
    np.testing.assert_array_equal(cells.run_center, centers)
    by_cell = cells.cell_runs.numpy()
    np.testing.assert_array_equal(np.sort(by_cell), np.arange(nrun))
    np.testing.assert_array_equal(
        cells.run_cell.numpy()[by_cell], np.repeat(np.arange(len(cells.cell_code)), np.diff(cells.cell_splits))
    )
    # sorted edges: no cell twice around a center
    assert len(set(zip(centers, cells.run_cell.numpy(), strict=True))) == nrun


def test_excluded_pairs_have_no_cell_and_do_not_count(edges):
    cells = edges.cells(exclude_types=[(0, 1)])
    center = np.repeat(np.arange(len(edges.edge_splits) - 1), np.diff(edges.edge_splits))
    pairs = edges.type[center] * NTYPES + edges.type[edges.neighbor]
    excluded = np.isin(pairs, [1, NTYPES])
    assert excluded.any()
    np.testing.assert_array_equal(cell_of_edges(cells, len(edges.rows)) < 0, excluded)
    counted = np.zeros((len(edges.edge_splits) - 1, NTYPES * NTYPES), int)
    np.add.at(counted, (center[~excluded], pairs[~excluded]), 1)
    got = np.zeros_like(counted)
    got[cells.count_center, cells.count_pair] = cells.count
    np.testing.assert_array_equal(got, counted)
    assert (cells.count.numpy() > 0).all()


def test_a_cell_around_every_edge(edges):
    cells = edges.cells(per_octave=0)
    np.testing.assert_array_equal(cell_of_edges(cells, len(edges.rows)), np.arange(len(edges.rows)))
    np.testing.assert_allclose(cells.cell_start + cells.cell_width / 2, edges.rows[:, 0])


@pytest.mark.parametrize("distance", [1e-3, 1e-9])
def test_any_distance_has_a_panel(edges, distance):
    edges.rows[3, 0] = 1 / distance
    cells = edges.cells()
    cell = cell_of_edges(cells, len(edges.rows))[3]
    assert cells.cell_start[cell] <= 1 / distance <= cells.cell_start[cell] + cells.cell_width[cell]


@pytest.mark.parametrize("terms", [2, 3, 7, 16, 32])
@pytest.mark.parametrize("width", [1, 5, 21, 100])
def test_contraction(edges, rng, terms, width):
    cells = edges.cells()
    table = make_table(rng, cells, terms, width)
    got = ops.contract_cells(table, edges.rows, cells)
    np.testing.assert_allclose(got, expected_contraction(edges, cells, table), rtol=1e-12, atol=1e-12)
    single = ops.contract_cells(table.astype(np.float32), edges.rows, cells)
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, got, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("terms", [2, 5, 16])
def test_gradients(edges, rng, terms):
    cells = edges.cells(exclude_types=[(0, 2)])
    table = tf.constant(make_table(rng, cells, terms, 7))

    def of(table, rows):
        return ops.contract_cells(table, rows, cells)

    # rows may not leave their cells, so the step is small
    theoretical, numerical = tf.test.compute_gradient(of, [table, tf.constant(edges.rows)], delta=1e-6)
    for got, expected in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
        assert np.abs(expected).max() > 0.1


def test_second_gradients(edges, rng):
    """The derivative by the rows, as a function of what it is linear in."""
    cells = edges.cells()
    rows = tf.constant(edges.rows)
    table = tf.constant(make_table(rng, cells, 16, 7))
    t_grad = tf.constant(rng.normal(size=(len(edges.edge_splits) - 1, 4, 7)))

    def to_rows(t_grad, table):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            t = ops.contract_cells(table, rows, cells)
        return tape.gradient(t, rows, t_grad)

    theoretical, numerical = tf.test.compute_gradient(to_rows, [t_grad, table], delta=1e-3)
    for got, expected in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
        assert np.abs(expected).max() > 0.1


def test_many_edges_in_a_cell(rng):
    """Sums over more runs than one piece of work has, and edges by the thousand around one center."""
    edges = make_edges(rng, ncenters=300, most=6)
    crowd = edges.rows[rng.integers(0, len(edges.rows), 1000)]
    crowd[:, 0] = np.sort(crowd[:, 0])[::-1]
    edges.rows = np.concatenate([edges.rows, crowd])
    edges.neighbor = np.concatenate([edges.neighbor, np.zeros(1000, np.int32)])
    edges.edge_splits[-1] += 1000
    cells = edges.cells()
    table = make_table(rng, cells, 16, 8)
    np.testing.assert_allclose(
        ops.contract_cells(table, edges.rows, cells), expected_contraction(edges, cells, table), rtol=1e-10, atol=1e-10
    )
    t_grad = tf.constant(rng.normal(size=(300, 4, 8)))
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.constant(table))
        t = ops.contract_cells(variable, edges.rows, cells)
    change = tape.gradient(t, variable, t_grad).numpy()
    other = make_table(rng, cells, 16, 8)  # the map is linear, so this is its transpose
    np.testing.assert_allclose(
        np.sum(change * other), np.sum(t_grad * expected_contraction(edges, cells, other)), rtol=1e-10
    )


def test_nothing():
    nothing = Edges(np.zeros((0, 4)), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    cells = nothing.cells()
    assert ops.contract_cells(np.zeros((0, 16, 3)), nothing.rows, cells).shape == (0, 4, 3)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda e: e.neighbor.__setitem__(2, 99), r"neighbor: expected an atom in \[0, .\), got 99"),
        (lambda e: e.type.__setitem__(2, 7), "expected a type in"),
        (lambda e: e.edge_splits.__setitem__(2, 999), "edge_splits"),
        (lambda e: e.rows.__setitem__((2, 0), np.inf), "not finite"),
        (lambda e: e.rows.__setitem__((2, 0), np.nan), "not finite"),
    ],
)
def test_refuses_edges(edges, spoil, said):
    spoil(edges)
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        edges.cells()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("run_edges", [[0, 10**6]], "run_edges"),
        ("run_cell", [10**6], "run_cell"),
        ("run_center", [-1], "run_center"),
        ("cell_runs", [10**6], "cell_runs"),
        ("run_splits", None, "run_splits"),
        ("cell_splits", None, "cell_splits"),
    ],
)
def test_refuses_geometry_out_of_bounds(edges, rng, field, value, said):
    cells = edges.cells()
    table = make_table(rng, cells)
    spoilt = getattr(cells, field).numpy()
    if value is None:
        spoilt[-1] += 5
    else:
        spoilt[: len(value)] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        ops.contract_cells(table, edges.rows, cells._replace(**{field: spoilt}))


def test_refuses_too_many_terms(edges, rng):
    cells = edges.cells()
    with pytest.raises(tf.errors.InvalidArgumentError, match="2 to 32 terms"):
        ops.contract_cells(make_table(rng, cells, 33), edges.rows, cells)
