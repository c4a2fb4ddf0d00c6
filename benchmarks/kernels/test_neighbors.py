"""Neighbor search in a periodic box."""

from benchmarks.kernels.systems import RCUT
from deepmd_tf.geometry import neighbors


def test_periodic(benchmark, frame, threads):
    benchmark.group = f"neighbors, {frame.natoms} atoms"
    benchmark.extra_info["edges"] = frame.nedge
    found = benchmark(neighbors.periodic, frame.coord, frame.types, frame.cell, RCUT, threads=threads)
    assert len(found.neighbor) == frame.nedge
