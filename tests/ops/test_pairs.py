import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from numpy.polynomial import chebyshev

from deepmd_tf import ops

NTYPES, UNIT = 3, 2.0


@dataclasses.dataclass
class Edges:
    """Rows of centers."""

    rows: np.ndarray
    edge_splits: np.ndarray
    neighbor: np.ndarray
    type: np.ndarray
    per_octave: int = 2

    def given(self, **changes):
        panels = ops.Panels(0.0, UNIT, self.per_octave)
        return ops.PairEdges(self.rows, self.edge_splits, self.neighbor, self.type, panels)._replace(**changes)

    def cells(self):
        return ops.pair_cells(self.given(), ntypes=NTYPES)

    def moments(self, cells, terms, **changes):
        return ops.pair_moments(self.given(**changes), cells, ntypes=NTYPES, terms=terms)


@pytest.fixture
def edges(rng):
    sizes = [6, 0, 1, 4]
    neighbor = rng.integers(0, 7, sum(sizes)).astype(np.int32)
    rows = rng.normal(size=(len(neighbor), 4)) * rng.choice([0.3, 3.0], (len(neighbor), 1))
    return Edges(rows, np.cumsum([0, *sizes]), neighbor, rng.integers(0, NTYPES, 7).astype(np.int32))


def test_sum_over_pairs_of_a_tabulated_embedding(edges, rng):
    """Moments times table, against a loop over pairs with NumPy's Chebyshev series."""
    cells = edges.cells()
    table = rng.normal(size=(len(cells.cell_code), 16, 5)) * 0.5 ** np.arange(16)[:, None]
    got = np.einsum("icq,cqm->im", edges.moments(cells, 16), table)
    expected = np.zeros_like(got)
    code, start, width = cells.cell_code.numpy(), cells.cell_start.numpy(), cells.cell_width.numpy()
    for i in range(len(expected)):
        for j in range(edges.edge_splits[i], edges.edge_splits[i + 1]):
            for k in range(edges.edge_splits[i], edges.edge_splits[i + 1]):
                t, u = edges.type[edges.neighbor[[j, k]]]
                theta = edges.rows[j, 1:] @ edges.rows[k, 1:]
                (c,) = np.flatnonzero(
                    (code == min(t, u) * NTYPES + max(t, u)) & (start <= theta) & (theta < start + width)
                )
                if t <= u:
                    expected[i] += theta * chebyshev.chebval(2 * (theta - start[c]) / width[c] - 1, table[c])
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    assert np.abs(expected[0]).min() > 0.1 and not expected[1].any()


@pytest.mark.parametrize("per_octave", [1, 4])
def test_every_panel_lies_where_pairs_find_it(edges, per_octave):
    edges.per_octave = per_octave
    found = edges.cells()
    every = ops.every_pair_cell(7, octaves=12, panels=ops.Panels(0.0, UNIT, per_octave))
    np.testing.assert_array_equal(every.cell_panel, np.arange(2 * 12 * per_octave))
    assert set(every.cell_code) == {7} and len(found.cell_panel) > 10
    np.testing.assert_array_equal(every.cell_start[found.cell_panel], found.cell_start)
    np.testing.assert_array_equal(every.cell_width[found.cell_panel], found.cell_width)


@pytest.mark.parametrize("terms", [2, 5, 16])
def test_gradient(edges, terms):
    """By the rows, for a step so small that none leaves its cell."""
    cells = edges.cells()
    (theoretical,), (numerical,) = tf.test.compute_gradient(
        lambda rows: edges.moments(cells, terms, rows=rows), [tf.constant(edges.rows)], delta=1e-7
    )
    scale = np.abs(numerical).max()
    assert scale > 1
    np.testing.assert_allclose(theoretical, numerical, rtol=1e-5, atol=1e-6 * scale)


def test_second_gradient(edges, rng):
    """The derivative by the rows, as a function of what it is linear in."""
    cells = edges.cells()
    rows = tf.constant(edges.rows)
    moments_grad = tf.constant(rng.normal(size=(4, len(cells.cell_code), 16)))

    def to_rows(moments_grad):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            moments = edges.moments(cells, 16, rows=rows)
        return tape.gradient(moments, rows, moments_grad)

    (theoretical,), (numerical,) = tf.test.compute_gradient(to_rows, [moments_grad], delta=1e-3)
    np.testing.assert_allclose(theoretical, numerical, rtol=1e-8, atol=1e-8 * np.abs(numerical).max())


def test_shapes_are_known_before_it_runs(edges):
    with tf.Graph().as_default():
        cells = edges.cells()
        moments = edges.moments(cells, 16)
    assert [part.shape.rank for part in cells] == [1] * 4
    assert moments.shape.as_list() == [4, None, 16]


def test_nothing():
    nothing = Edges(np.zeros((0, 4)), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    cells = nothing.cells()
    assert len(cells.cell_code) == 0
    assert nothing.moments(cells, 16).shape == (0, 0, 16)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda e: e.neighbor.__setitem__(2, 99), r"neighbor: expected an atom in \[0, .\), got 99"),
        (lambda e: e.type.__setitem__(2, 7), "expected a type in"),
        (lambda e: e.edge_splits.__setitem__(2, 999), "edge_splits"),
        (lambda e: e.rows.__setitem__((2, 1), np.nan), "edge 2: its environment row is not finite"),
        (lambda e: setattr(e, "per_octave", 3), "power of two per octave"),
        (lambda e: setattr(e, "rows", e.rows[1:]), "rows"),
    ],
)
def test_refuses_edges(edges, spoil, said):
    spoil(edges)
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        edges.cells()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c._replace(cell_code=c.cell_code[1:]), "cell_panel"),
        (lambda c: c._replace(cell_code=c.cell_code + 100), "there is no code"),
        (lambda c: c._replace(cell_panel=c.cell_panel - 100), "with a panel -"),
        (lambda c: type(c)(*[part[:-1] for part in c]), "lies in none of them"),
    ],
)
def test_refuses_cells_of_something_else(edges, change, said):
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        edges.moments(change(edges.cells()), 16)


def test_refuses_too_many_terms(edges):
    with pytest.raises(tf.errors.InvalidArgumentError, match="2 to 32 terms"):
        edges.moments(edges.cells(), 33)
