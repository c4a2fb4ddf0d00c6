"""Count the floating-point operations in the matrix products of a training step.

The counts follow from shapes. A multiplication and its addition count as two operations. The counts include

- the fitting net: the products of all layers with the inputs of the atoms, without the type embedding, which is a bias
  looked up by type. A step computes energies and forces, and differentiates a loss of both with respect to the
  parameters. This takes six products of the forward size in each layer: forward; backward to the inputs (for the
  forces); forward along the tangent; two for the weights, from the energies and from the forces; backward to the
  descriptor;
- the contraction ``D = T^T T[:, :axis]`` of every atom, which is bilinear. It takes nine products of its size: one
  forward, two backward, and in the derivative of the forces two along the tangent, two for the second factor, two
  backward.

The counts do not include the embedding net, environment rows, sums over neighbors, activations, loss and optimizer. The
published rate nevertheless refers to the time of the whole step.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

FITTING_PASSES = 6
CONTRACTION_PASSES = 9
_ENVIRONMENT_COLUMNS = 4


def fitting_forward(width: int, neuron: Sequence[int]) -> int:
    """Return the operations per atom of the forward products of a fitting net for a descriptor of `width`."""
    widths = [width, *neuron, 1]
    return sum(2 * n_in * n_out for n_in, n_out in itertools.pairwise(widths))


def contraction_forward(width: int, axis: int) -> int:
    """Return the operations per atom of ``T^T T[:, :axis]``, T ``[4, width]``."""
    return 2 * _ENVIRONMENT_COLUMNS * width * axis


def training_step(model: dict, natoms: int) -> int:
    """Return the operations of a training step.

    Parameters
    ----------
    model : dict
        The section ``model`` of an input, descriptor ``se_e2_a``.
    natoms : int
        Number of atoms in all frames of the batch.
    """
    width, axis = model["descriptor"]["neuron"][-1], model["descriptor"]["axis_neuron"]
    fitting = FITTING_PASSES * fitting_forward(width * axis, model["fitting_net"]["neuron"])
    return natoms * (fitting + CONTRACTION_PASSES * contraction_forward(width, axis))
