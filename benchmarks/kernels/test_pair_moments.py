"""Moments of pairs of neighbors, and their derivatives."""

import numpy as np
import pytest

from benchmarks.kernels.systems import pairs_of_water, water
from deepmd_tf import _kernels

TERMS = 16


@pytest.mark.parametrize("kernel", ["forward", "tangent", "by the rows"])
def test_pair_moments(benchmark, frame, threads, kernel):
    cells = pairs_of_water(frame.natoms)
    rng = np.random.default_rng(1)
    v, grad = rng.normal(size=(frame.nedge, 4)), rng.normal(size=(frame.natoms, len(cells.code), TERMS))
    run = {
        "forward": lambda: _kernels.pair_moments(cells, TERMS, None, threads),
        "tangent": lambda: _kernels.pair_moments(cells, TERMS, v, threads),
        "by the rows": lambda: _kernels.pair_moments_grad_rows(cells, grad, threads),
    }[kernel]
    benchmark.group = f"moments of pairs, {kernel}, {frame.natoms} atoms"
    sizes = np.diff(frame.found.edge_splits)
    benchmark.extra_info["pairs"] = int(np.sum(sizes * (sizes + 1)) // 2)
    assert np.isfinite(benchmark(run)).all()


def test_pair_cells(benchmark, threads):
    box = water(192)
    cells = pairs_of_water(192)
    found = box.found
    benchmark.group = "cells of pairs, 192 atoms"
    arguments = (found.edge_splits, found.neighbor, box.types, 2, 2.0, 2, threads)
    assert benchmark(_kernels.cells_of_pairs, cells.rows, *arguments).code.shape == cells.code.shape
