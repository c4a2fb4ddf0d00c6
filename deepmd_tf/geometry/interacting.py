"""Pairs of types that interact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def interacting_matrix(ntypes: int, exclude_types: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the symmetric matrix, float64 ``[ntypes, ntypes]``, with 0 for excluded pairs and 1 for others."""
    matrix = np.ones((ntypes, ntypes))
    for first, second in exclude_types:
        matrix[first, second] = matrix[second, first] = 0.0
    return matrix
