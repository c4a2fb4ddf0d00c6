"""Descriptors: what an atom's surroundings look like, in numbers that rotations and permutations leave alone.

A descriptor is a file here that registers itself under the `type` of the input file. It is complete after `__init__`
and offers

``width``
    Length of one atom's descriptor.
``environment(frames)``
    The geometry the descriptor differentiates with respect to (an object with ``rows``, ``force``, ``virial``).
``__call__(environment, type_table)``
    Descriptors ``[nframes * nloc, width]``.
"""

from deepmd_tf.descriptor import se_e2_a  # noqa: F401  (registers itself)
from deepmd_tf.descriptor.registry import DESCRIPTORS, make_descriptor

__all__ = ["DESCRIPTORS", "make_descriptor"]
