"""The contraction of environment rows with a tabulated embedding, and its derivatives."""

import numpy as np
import pytest

from benchmarks.kernels.systems import table_of_water
from deepmd_tf import _kernels

WIDTH, TERMS = 100, 16


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kernel", ["forward", "tangent", "by the rows", "by the table"])
def test_contraction(benchmark, frame, threads, kernel, dtype):
    rows, cells = table_of_water(frame.natoms)
    rng = np.random.default_rng(1)
    table = rng.normal(size=(cells.ncell, TERMS, WIDTH)).astype(dtype)
    t_grad, v = rng.normal(size=(frame.natoms, 4, WIDTH)).astype(dtype), rng.normal(size=rows.shape)
    run = {
        "forward": lambda: _kernels.contract_cells(cells, table, None, threads),
        "tangent": lambda: _kernels.contract_cells(cells, table, v, threads),
        "by the rows": lambda: _kernels.contract_cells_grad_rows(cells, t_grad, table, threads),
        "by the table": lambda: _kernels.contract_cells_grad_table(cells, t_grad, TERMS, None, threads),
    }[kernel]
    benchmark.group = f"contraction, {kernel}, {frame.natoms} atoms, {np.dtype(dtype).name}"
    assert np.isfinite(benchmark(run)).all()
