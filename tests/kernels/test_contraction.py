"""The loops that are compiled for every instruction set, by themselves."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from deepmd_tf import _kernels
from deepmd_tf.errors import InputError

NTYPES, TERMS, COLUMNS = 2, 16, 37


def make_cells(rng, ncentres=400, most=60, threads=1, whole=False):
    """Rows of random edges and their cells; with `whole` the splits and the code of every edge too."""
    sizes = rng.integers(0, most, ncentres)
    neighbor = rng.integers(0, ncentres, sizes.sum()).astype(np.int32)
    type = rng.integers(0, NTYPES, ncentres).astype(np.int32)
    rows = rng.normal(size=(len(neighbor), 4))
    rows[:, 0] = rng.gamma(1.0, 4.0, len(rows)) - 1.3
    splits = np.cumsum([0, *sizes])
    for begin, end in itertools.pairwise(splits):
        order = np.lexsort((-rows[begin:end, 0], type[neighbor[begin:end]]))
        rows[begin:end], neighbor[begin:end] = rows[begin:end][order], neighbor[begin:end][order]
    cells = _kernels.cells_of_rows(rows, splits, neighbor, type, NTYPES, True, -1.3, 2.0, 2, threads)
    return (rows, cells, splits, type[neighbor]) if whole else (rows, cells)


def everything(rng, dtype=np.float64, threads=1):
    """Every kernel of the contraction, and products, of the same random numbers."""
    rows, cells = make_cells(rng, threads=threads)
    table = (rng.normal(size=(cells.ncell, TERMS, COLUMNS)) * 0.5 ** np.arange(TERMS)[:, None]).astype(dtype)
    t_grad = rng.normal(size=(400, 4, COLUMNS)).astype(dtype)
    v = rng.normal(size=rows.shape)
    a, b = rng.normal(size=(211, 83)).astype(dtype), rng.normal(size=(83, 301)).astype(dtype)
    return [
        _kernels.contract_cells(cells, table, None, threads),
        _kernels.contract_cells(cells, table, v, threads),
        _kernels.contract_cells_grad_rows(cells, t_grad, table, threads),
        _kernels.contract_cells_grad_table(cells, t_grad, TERMS, None, threads),
        _kernels.contract_cells_grad_table(cells, t_grad, TERMS, v, threads),
        _kernels.dense_product(a, b, threads=threads),
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
    centre = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
    np.add.at(t, centre, rows[:, :, None] * g[:, None, :])
    np.add.at(tangent, centre, v[:, :, None] * g[:, None, :] + (rows * v[:, :1])[:, :, None] * dg[:, None, :])
    return t, tangent, rows_grad, table_grad, tangent_grad


@pytest.mark.parametrize("decay", [0.5, 0.02], ids=["all_terms_count", "few_terms_count"])
@pytest.mark.parametrize("most", [3, 60], ids=["few_edges_in_a_cell", "many"])
@pytest.mark.parametrize(("terms", "columns"), [(2, 1), (5, 7), (8, 37), (12, 16), (16, 100), (19, 141)])
def test_equals_definition(terms, columns, most, decay, rng):
    ncentres = 70
    rows, cells, splits, code = make_cells(rng, ncentres, most, whole=True)
    table = rng.normal(size=(cells.ncell, terms, columns)) * decay ** np.arange(terms)[:, None]
    t_grad, v = rng.normal(size=(ncentres, 4, columns)), rng.normal(size=rows.shape)
    expected = by_definition(rows, splits, code, table, v, t_grad)
    for dtype, tolerance in ((np.float64, 3e-12), (np.float32, 2e-5)):
        of_dtype, grad = table.astype(dtype), t_grad.astype(dtype)
        got = (
            _kernels.contract_cells(cells, of_dtype),
            _kernels.contract_cells(cells, of_dtype, v),
            _kernels.contract_cells_grad_rows(cells, grad, of_dtype),
            _kernels.contract_cells_grad_table(cells, grad, terms),
            _kernels.contract_cells_grad_table(cells, grad, terms, v),
        )
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_for_any_number_of_threads(dtype):
    expected = everything(np.random.default_rng(5), dtype)
    for threads in (2, 3, 8):
        for got, array in zip(everything(np.random.default_rng(5), dtype, threads), expected, strict=True):
            np.testing.assert_array_equal(got, array)


def test_transposes_of_each_other(rng):
    """The kernels are linear maps and their transposes: <t_grad, A x> = <A^T t_grad, x>."""
    rows, cells = make_cells(rng)
    table, other = rng.normal(size=(2, cells.ncell, TERMS, COLUMNS))
    t_grad, v = rng.normal(size=(400, 4, COLUMNS)), rng.normal(size=rows.shape)
    t = np.sum(t_grad * _kernels.contract_cells(cells, other))
    assert t == pytest.approx(np.sum(_kernels.contract_cells_grad_table(cells, t_grad, TERMS) * other), rel=1e-10)
    change = np.sum(t_grad * _kernels.contract_cells(cells, table, v))
    assert change == pytest.approx(np.sum(_kernels.contract_cells_grad_rows(cells, t_grad, table) * v), rel=1e-10)
    assert change == pytest.approx(
        np.sum(_kernels.contract_cells_grad_table(cells, t_grad, TERMS, v) * table), rel=1e-10
    )


SCRIPT = """
import json, sys
import numpy as np
sys.path.insert(0, {directory!r})
import test_contraction as here
from deepmd_tf import _kernels
results = here.everything(np.random.default_rng(5))
np.savez({output!r}, *results)
print(json.dumps([_kernels.instruction_set(), _kernels.instruction_sets()]))
"""


def run_with(isa, output):
    script = SCRIPT.format(directory=os.path.dirname(__file__), output=str(output))
    environment = {**os.environ, "DEEPMD_ISA": isa}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)


def test_every_instruction_set_gives_the_same_to_rounding(tmp_path):
    expected = everything(np.random.default_rng(5))
    for isa in _kernels.instruction_sets():
        process = run_with(isa, tmp_path / "results.npz")
        assert process.returncode == 0, process.stderr
        assert json.loads(process.stdout)[0] == isa
        with np.load(tmp_path / "results.npz") as results:
            for got, array in zip(results.values(), expected, strict=True):
                np.testing.assert_allclose(got, array, rtol=0, atol=1e-12 * np.abs(array).max())


def test_an_instruction_set_that_is_not_there_is_refused(tmp_path):
    process = run_with("x86_64_v9", tmp_path / "results.npz")
    assert process.returncode == 1
    assert "InputError: DEEPMD_ISA: expected one of" in process.stderr and "got x86_64_v9" in process.stderr


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-14), (np.float32, 1e-6)])
@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (7, 5, 3), (48, 256, 240), (49, 1600, 257), (192, 240, 1), (100, 0, 5)])
def test_products(rng, dtype, tolerance, m, k, n):
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    expected = a.astype(float) @ b.astype(float)
    for ta in (False, True):
        for tb in (False, True):
            got = _kernels.dense_product(
                np.ascontiguousarray(a.T) if ta else a, np.ascontiguousarray(b.T) if tb else b, ta, tb
            )
            assert got.dtype == dtype and got.shape == (m, n)
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(k, 1))


@pytest.mark.parametrize("m, n", [(0, 3), (3, 0), (0, 0)])
def test_product_of_nothing(m, n):
    assert _kernels.dense_product(np.zeros((m, 4)), np.zeros((4, n))).shape == (m, n)


def test_product_of_matrices_that_do_not_fit_is_refused():
    with pytest.raises(InputError, match=r"b: expected shape \[4, 3\], got \[5, 3\]"):
        _kernels.dense_product(np.zeros((2, 4)), np.zeros((5, 3)))
