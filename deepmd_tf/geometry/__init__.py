"""Frames as edges: neighbour search and environment rows on NumPy arrays. Does not import TensorFlow."""

from deepmd_tf.geometry import environment, neighbors
from deepmd_tf.geometry.neighbors import Neighbors

__all__ = ["Neighbors", "environment", "neighbors"]
