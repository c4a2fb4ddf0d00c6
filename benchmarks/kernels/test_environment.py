"""Environment rows and their derivatives, on edges and in slots."""

import numpy as np

from benchmarks.kernels.systems import RCUT, RCUT_SMTH, SEL
from deepmd_tf import _kernels
from deepmd_tf.geometry import environment


def test_rows(benchmark, frame, threads):
    benchmark.group = f"environment rows, {frame.natoms} atoms"
    benchmark.extra_info["edges"] = frame.nedge
    rows, _ = benchmark(environment.rows_with_derivative, frame.found.edge_vec, RCUT, RCUT_SMTH, threads)
    assert rows.shape == (frame.nedge, 4)


def test_slots(benchmark, frame, threads):
    benchmark.group = f"environment slots, {frame.natoms} atoms"
    width = 4 * sum(SEL)
    tables = np.zeros((2, width)), np.ones((2, width))
    arguments = (frame.types, *frame.found, *tables, RCUT, RCUT_SMTH, list(SEL), threads)
    rows = benchmark(_kernels.env_mat_a, *arguments)[0]
    assert rows.shape == (frame.natoms, sum(SEL), 4)
