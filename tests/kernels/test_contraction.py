"""The loops that are compiled for every instruction set, by themselves."""

import itertools

import numpy as np
import pytest

from deepmd_tf import _kernels as cpu
from deepmd_tf.errors import InputError

from .device import kernels

pytestmark = pytest.mark.usefixtures("on_device")

NTYPES, TERMS, COLUMNS = 2, 16, 37


def make_cells(rng, ncenters=400, most=60, threads=1, whole=False):
    """Rows of random edges and their cells; with `whole` the splits and the code of every edge too."""
    sizes = rng.integers(0, most, ncenters)
    neighbor = rng.integers(0, ncenters, sizes.sum()).astype(np.int32)
    type = rng.integers(0, NTYPES, ncenters).astype(np.int32)
    rows = rng.normal(size=(len(neighbor), 4))
    rows[:, 0] = rng.gamma(1.0, 4.0, len(rows)) - 1.3
    splits = np.cumsum([0, *sizes])
    for begin, end in itertools.pairwise(splits):
        order = np.lexsort((-rows[begin:end, 0], type[neighbor[begin:end]]))
        rows[begin:end], neighbor[begin:end] = rows[begin:end][order], neighbor[begin:end][order]
    cells = kernels.cells_of_rows(rows, splits, neighbor, type, NTYPES, True, -1.3, 2.0, 2, threads)
    return (rows, cells, splits, type[neighbor]) if whole else (rows, cells)


def everything(rng, dtype=np.float64, threads=1, ncenters=400):
    """Every kernel of the contraction, and products, of the same random numbers."""
    rows, cells = make_cells(rng, ncenters, threads=threads)
    table = (rng.normal(size=(cells.ncell, TERMS, COLUMNS)) * 0.5 ** np.arange(TERMS)[:, None]).astype(dtype)
    t_grad = rng.normal(size=(ncenters, 4, COLUMNS)).astype(dtype)
    v = rng.normal(size=rows.shape)
    a, b = rng.normal(size=(211, 83)).astype(dtype), rng.normal(size=(83, 301)).astype(dtype)
    return [
        kernels.contract_cells(cells, table, None, threads),
        kernels.contract_cells(cells, table, v, threads),
        kernels.contract_cells_grad_rows(cells, t_grad, table, threads),
        kernels.contract_cells_grad_table(cells, t_grad, TERMS, None, threads),
        kernels.contract_cells_grad_table(cells, t_grad, TERMS, v, threads),
        kernels.dense_product(a, b, threads=threads),
    ]


def by_definition(rows, splits, code, table, v, t_grad):
    """Values, tangent along v, and derivatives by rows and by table, from the sums as the header writes them."""
    lowest, unit, per_octave = -1.3, 2.0, 2
    octave = np.floor(np.log2((rows[:, 0] - lowest) / unit + 1))
    part = np.floor((((rows[:, 0] - lowest) / unit + 1) / 2**octave - 1) * per_octave)
    width = unit * 2**octave / per_octave
    start = lowest - unit + width * (per_octave + part)
    cell = np.unique(np.stack([code, octave * per_octave + part]), axis=1, return_inverse=True)[1].ravel()
    u = (2 * (rows[:, 0] - start) / width - 1)[:, None]
    k = np.arange(table.shape[1])
    value = np.cos(k * np.arccos(u))
    slope = k * np.sin(k * np.arccos(u)) / np.sqrt(1 - u**2) * (2 / width)[:, None]
    g, dg = np.einsum("ek,ekm->em", value, table[cell]), np.einsum("ek,ekm->em", slope, table[cell])
    of_edge = t_grad[np.repeat(np.arange(len(splits) - 1), np.diff(splits))]
    rows_grad = np.einsum("eam,em->ea", of_edge, g)
    rows_grad[:, 0] += np.einsum("eam,ea,em->e", of_edge, rows, dg)
    moment, change = rows[:, None, :] * value[:, :, None], v[:, None, :] * value[:, :, None]
    change += (rows * v[:, :1])[:, None, :] * slope[:, :, None]
    table_grad, tangent_grad = np.zeros_like(table), np.zeros_like(table)
    np.add.at(table_grad, cell, np.einsum("eka,eam->ekm", moment, of_edge))
    np.add.at(tangent_grad, cell, np.einsum("eka,eam->ekm", change, of_edge))
    t, tangent = np.zeros_like(t_grad), np.zeros_like(t_grad)
    center = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
    np.add.at(t, center, rows[:, :, None] * g[:, None, :])
    np.add.at(tangent, center, v[:, :, None] * g[:, None, :] + (rows * v[:, :1])[:, :, None] * dg[:, None, :])
    return t, tangent, rows_grad, table_grad, tangent_grad


@pytest.mark.parametrize("decay", [0.5, 0.02], ids=["all_terms_count", "few_terms_count"])
@pytest.mark.parametrize("most", [3, 60], ids=["few_edges_in_a_cell", "many"])
@pytest.mark.parametrize(("terms", "columns"), [(2, 1), (5, 7), (8, 37), (12, 16), (16, 100), (19, 141)])
def test_equals_definition(terms, columns, most, decay, rng):
    ncenters = 70
    rows, cells, splits, code = make_cells(rng, ncenters, most, whole=True)
    table = rng.normal(size=(cells.ncell, terms, columns)) * decay ** np.arange(terms)[:, None]
    t_grad, v = rng.normal(size=(ncenters, 4, columns)), rng.normal(size=rows.shape)
    expected = by_definition(rows, splits, code, table, v, t_grad)
    for dtype, tolerance in ((np.float64, 3e-12), (np.float32, 2e-5)):
        of_dtype, grad = table.astype(dtype), t_grad.astype(dtype)
        got = (
            kernels.contract_cells(cells, of_dtype),
            kernels.contract_cells(cells, of_dtype, v),
            kernels.contract_cells_grad_rows(cells, grad, of_dtype),
            kernels.contract_cells_grad_table(cells, grad, terms),
            kernels.contract_cells_grad_table(cells, grad, terms, v),
        )
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_for_any_number_of_threads(dtype, on_device):
    """A GPU, which has its own, gives the same in every run."""
    counts, ncenters = ((2, 3, 8), 400) if on_device == "cpu" else ((1,), 80)
    expected = everything(np.random.default_rng(5), dtype, 1, ncenters)
    for threads in counts:
        for got, array in zip(everything(np.random.default_rng(5), dtype, threads, ncenters), expected, strict=True):
            np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_devices_agree(dtype, tolerance):
    got = everything(np.random.default_rng(5), dtype, ncenters=100)
    kernels.module = cpu
    for a, b in zip(got, everything(np.random.default_rng(5), dtype, ncenters=100), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("per_octave", [0, 2])
def test_no_edges(per_octave):
    cells = kernels.cells_of_rows(
        np.zeros((0, 4)), np.zeros(4, np.int64), np.zeros(0, np.int32), np.zeros(3, np.int32), 1, True, 0, 1, per_octave
    )
    assert cells.ncell == 0
    table = np.zeros((0, 4, 5))
    np.testing.assert_array_equal(kernels.contract_cells(cells, table), np.zeros((3, 4, 5)))
    assert kernels.contract_cells_grad_rows(cells, np.ones((3, 4, 5)), table).shape == (0, 4)
    assert kernels.contract_cells_grad_table(cells, np.ones((3, 4, 5)), 4).shape == (0, 4, 5)


def test_a_cell_for_every_edge(rng):
    """Linear functions around every edge: value and slope of G are the first two coefficients."""
    sizes, ntypes = np.array([3, 0, 40]), 2
    nedge = sizes.sum()
    rows, table = rng.normal(size=(nedge, 4)), rng.normal(size=(nedge, 2, 7))
    type, neighbor = rng.integers(0, ntypes, 3).astype(np.int32), rng.integers(0, 3, nedge).astype(np.int32)
    splits = np.cumsum([0, *sizes])
    cells = kernels.cells_of_rows(rows, splits, neighbor, type, ntypes, False, 0.0, 1.0, 0)
    assert cells.ncell == nedge
    expected = np.zeros((3, 4, 7))
    np.add.at(expected, np.repeat(np.arange(3), sizes), rows[:, :, None] * table[:, :1])
    np.testing.assert_allclose(kernels.contract_cells(cells, table), expected, atol=1e-13)


def test_row_that_is_not_finite_is_named():
    rows = np.ones((3, 4))
    rows[1:, 0] = np.nan
    with pytest.raises(InputError, match="edge 1: its environment row is not finite"):
        kernels.cells_of_rows(rows, np.array([0, 3]), np.zeros(3, np.int32), np.zeros(1, np.int32), 1, True, 0, 1, 2)


def test_transposes_of_each_other(rng):
    """The kernels are linear maps and their transposes: <t_grad, A x> = <A^T t_grad, x>."""
    rows, cells = make_cells(rng, 100)
    table, other = rng.normal(size=(2, cells.ncell, TERMS, COLUMNS))
    t_grad, v = rng.normal(size=(100, 4, COLUMNS)), rng.normal(size=rows.shape)
    t = np.sum(t_grad * kernels.contract_cells(cells, other))
    assert t == pytest.approx(np.sum(kernels.contract_cells_grad_table(cells, t_grad, TERMS) * other), rel=1e-10)
    change = np.sum(t_grad * kernels.contract_cells(cells, table, v))
    assert change == pytest.approx(np.sum(kernels.contract_cells_grad_rows(cells, t_grad, table) * v), rel=1e-10)
    assert change == pytest.approx(
        np.sum(kernels.contract_cells_grad_table(cells, t_grad, TERMS, v) * table), rel=1e-10
    )


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-14), (np.float32, 1e-6)])
@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (7, 5, 3), (48, 256, 240), (49, 1600, 257), (192, 240, 1), (100, 0, 5)])
def test_products(rng, dtype, tolerance, m, k, n):
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    expected = a.astype(float) @ b.astype(float)
    for ta in (False, True):
        for tb in (False, True):
            got = kernels.dense_product(
                np.ascontiguousarray(a.T) if ta else a, np.ascontiguousarray(b.T) if tb else b, ta, tb
            )
            assert got.dtype == dtype and got.shape == (m, n)
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(k, 1))


@pytest.mark.parametrize("m, n", [(0, 3), (3, 0), (0, 0)])
def test_product_of_nothing(m, n):
    assert kernels.dense_product(np.zeros((m, 4)), np.zeros((4, n))).shape == (m, n)


def test_product_of_matrices_that_do_not_fit_is_refused():
    with pytest.raises(InputError, match=r"b: expected shape \[4,3\], got \[5,3\]"):
        kernels.dense_product(np.zeros((2, 4)), np.zeros((5, 3)))
