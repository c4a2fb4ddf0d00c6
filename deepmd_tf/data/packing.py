"""Packing of a batch into one vector of float64, so that Python passes it to the `tf.data` runtime as one tensor.

The vector is a header (the length of each array) followed by the arrays, in the order of `feed.FIELDS`. The integers
among them are small enough to be exact in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmd_tf.data.feed import FIELDS

HEADER = len(FIELDS)


def pack(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return the arrays of `feed.feed` as one vector."""
    flat = [arrays[name].ravel() for name in FIELDS]
    header = np.array([len(values) for values in flat], dtype=np.float64)
    return np.concatenate([header, *flat])


def stack(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return vectors of different lengths as an array `[nvectors, longest]`, padded with zeros."""
    result = np.zeros((len(vectors), max(len(vector) for vector in vectors)))
    for row, vector in zip(result, vectors, strict=True):
        row[: len(vector)] = vector
    return result
