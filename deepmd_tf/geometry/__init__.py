"""Neighbor search and environment rows on NumPy arrays, without TensorFlow."""

from deepmd_tf.geometry import environment, neighbors
from deepmd_tf.geometry.neighbors import Neighbors

COINCIDENT = 1e-6
"""Distance (Å) below which atoms are at the same position: the direction between them is undefined."""

__all__ = ["COINCIDENT", "Neighbors", "environment", "neighbors"]
