"""Frames as edges: neighbor search and environment rows on NumPy arrays. Does not import TensorFlow."""

from deepmd_tf.geometry import environment, neighbors
from deepmd_tf.geometry.neighbors import Neighbors

COINCIDENT = 1e-6
"""Atoms nearer than this (Å) are at the same position: there is no direction between them."""

__all__ = ["COINCIDENT", "Neighbors", "environment", "neighbors"]
