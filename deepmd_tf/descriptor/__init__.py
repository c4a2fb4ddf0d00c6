"""Descriptors: numbers that describe the surroundings of an atom and do not change under rotations and permutations.

A descriptor is a module here that registers itself under the `type` of the input file. It is complete after `__init__`
and offers

``width``, ``axes``
    Length of one atom's descriptor, and the axes of the tensors that it consists of.
``members``
    The descriptors of a hybrid, or the descriptor itself.
``environment(frames)``
    The geometry of a batch: `EdgeEnvironment` of `Frames`, or `PaddedEnvironment` of `PaddedFrames`. Energies are
    differentiated with respect to its ``differentiable``; its ``force`` and ``virial`` take the derivative.
``__call__(environment, type_table, tabulation)``
    Descriptors ``[ncenters, width]``. `tabulation` has the panels of the embedding, see `tabulation`.
"""

from deepmd_tf.descriptor import hybrid, se_e2_a, se_e2_r, se_e3  # noqa: F401  (they register themselves)
from deepmd_tf.descriptor.registry import DESCRIPTORS, make_descriptor

__all__ = ["DESCRIPTORS", "make_descriptor"]
