"""Using frozen graphs: `DeepPot`, ASE, and tests against labelled data."""

from deepmd_tf.infer.deep_pot import DeepPot

__all__ = ["DeepPot"]
