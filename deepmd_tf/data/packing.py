"""A fed batch as one vector of float64, so that it crosses from Python to the `tf.data` runtime as a single tensor.

The vector is a header (the length of each array) followed by the arrays, in the order of `feed.FIELDS`. The integers
among them are small and survive as float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmd_tf.data.feed import FIELDS

HEADER = len(FIELDS)


def pack(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Put the arrays of `feed.feed` into one vector."""
    flat = [arrays[name].ravel() for name in FIELDS]
    header = np.array([len(values) for values in flat], dtype=np.float64)
    return np.concatenate([header, *flat])


def stack(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Put vectors of different lengths into one array `[nvectors, longest]`, zeros at the ends."""
    result = np.zeros((len(vectors), max(len(vector) for vector in vectors)))
    for row, vector in zip(result, vectors, strict=True):
        row[: len(vector)] = vector
    return result
