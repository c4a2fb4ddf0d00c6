"""Descriptors: what an atom's surroundings look like, in numbers that rotations and permutations leave alone.

A descriptor is a file here that registers itself under the `type` of the input file. It is complete after `__init__`
and offers

``width``
    Length of one atom's descriptor.
``environment(frames)``
    The geometry of a batch: `EdgeEnvironment` of `Frames`, or `PaddedEnvironment` of `PaddedFrames`. Energies are
    differentiated by its ``differentiable``; its ``force`` and ``virial`` take the derivative.
``__call__(environment, type_table)``
    Descriptors ``[ncenters, width]``, and the error of the tabulated embedding.
``panels``, ``tolerance``, ``refine(unresolved)``, ``resolve(type_table, shortest)``
    How finely the embedding is tabulated (see `TabulatedDescriptor`).
"""

from deepmd_tf.descriptor import hybrid, se_e2_a, se_e2_r, se_e3  # noqa: F401  (they register themselves)
from deepmd_tf.descriptor.registry import DESCRIPTORS, make_descriptor

__all__ = ["DESCRIPTORS", "make_descriptor"]
