"""Fitting nets: map the descriptor and type of an atom to its contribution to a property."""

from deepmd_tf.fitting import energy  # noqa: F401  (registers itself)
from deepmd_tf.fitting.registry import FITTINGS, make_fitting

__all__ = ["FITTINGS", "make_fitting"]
