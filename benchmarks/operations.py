"""Counts of the floating-point operations in the matrix products of a training step.

Counted from shapes, a multiplication and its addition as two:

- the fitting net: the products of all its layers with the atoms' inputs, the type embedding's part excluded (it is a
  bias looked up by type). A step computes energies and forces and derives a loss of both by the parameters, which is
  six products of the size of the forward one in each layer: forward; backward to the inputs (for the forces); forward
  along the tangent; two for the weights, one from the energy's and one from the force's path; backward to the
  descriptor;
- the contraction ``D = T^T T[:, :axis]`` of every atom, which is bilinear: nine products of its size, one forward, two
  backward, and in the derivative of the forces two along the tangent, two for the second factor, two backward.

Not counted: embedding net, environment rows, sums over neighbors, activations, loss, optimizer. A program that spends
nothing on those would reach the fraction of the peak that its matrix products reach; the published fraction is that of
the whole step.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

FITTING_PASSES = 6
CONTRACTION_PASSES = 9
_ENVIRONMENT_COLUMNS = 4


def fitting_forward(width: int, neuron: Sequence[int]) -> int:
    """Operations for one atom of the forward products of a fitting net on a descriptor of `width` components."""
    widths = [width, *neuron, 1]
    return sum(2 * n_in * n_out for n_in, n_out in itertools.pairwise(widths))


def contraction_forward(width: int, axis: int) -> int:
    """Operations for one atom of ``T^T T[:, :axis]``, T ``[4, width]``."""
    return 2 * _ENVIRONMENT_COLUMNS * width * axis


def training_step(model: dict, natoms: int) -> int:
    """Operations of a training step on `natoms` atoms in all.

    Parameters
    ----------
    model : dict
        The section ``model`` of an input, descriptor ``se_e2_a``.
    natoms : int
        Atoms of all frames of the batch.
    """
    width, axis = model["descriptor"]["neuron"][-1], model["descriptor"]["axis_neuron"]
    fitting = FITTING_PASSES * fitting_forward(width * axis, model["fitting_net"]["neuron"])
    return natoms * (fitting + CONTRACTION_PASSES * contraction_forward(width, axis))
