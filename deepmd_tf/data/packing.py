"""A fed batch as one vector of float64, so that it crosses from Python to the `tf.data` runtime as a single tensor.

The vector is a header (number of frames, the scalars of the batch, the lengths of its arrays) followed by the arrays.
The integers among them are small and survive as float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmd_tf.data.labels import OPTIONAL

SCALARS = ("periodic", *(f"has_{label.name}" for label in OPTIONAL))
"""Names of the scalars, in the order of the header."""

ARRAYS = ("coord", "type", "box", "natoms", *(label.name for label in OPTIONAL))
"""Names of the arrays, in order."""

HEADER = 1 + len(SCALARS) + len(ARRAYS)


def pack(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Put the arrays of `feed.feed` into one vector."""
    flat = [arrays[name].ravel() for name in ARRAYS]
    scalars = (arrays[name] for name in SCALARS)
    header = np.array([len(arrays["type"]), *scalars, *map(len, flat)], dtype=np.float64)
    return np.concatenate([header, *flat])


def stack(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Put vectors of different lengths into one array `[nvectors, longest]`, zeros at the ends."""
    result = np.zeros((len(vectors), max(len(vector) for vector in vectors)))
    for row, vector in zip(result, vectors, strict=True):
        row[: len(vector)] = vector
    return result
