"""Forces and virials from the derivative of the energy with respect to slots, and the transposes for training."""

import numpy as np

from benchmarks.kernels.systems import slots
from deepmd_tf import _kernels


def test_force(benchmark, frame, threads):
    benchmark.group = f"force of slots, {frame.natoms} atoms"
    given = slots(frame.natoms)
    force = benchmark(_kernels.force_se_a, given.net_deriv, given.in_deriv, given.nlist, frame.natoms, threads)
    np.testing.assert_allclose(force.sum(axis=1), 0.0, atol=1e-6)


def test_virial(benchmark, frame, threads):
    benchmark.group = f"virial of slots, {frame.natoms} atoms"
    virial, of_atoms = benchmark(_kernels.virial_se_a, *slots(frame.natoms), frame.natoms, threads)
    np.testing.assert_allclose(of_atoms.sum(axis=1), virial, rtol=1e-6, atol=1e-6)


def test_force_transposed(benchmark, frame, threads):
    benchmark.group = f"transposed force of slots, {frame.natoms} atoms"
    given = slots(frame.natoms)
    grad = np.ones((1, frame.natoms, 3))
    benchmark(_kernels.force_se_a_grad, grad, given.in_deriv, given.nlist, threads)
