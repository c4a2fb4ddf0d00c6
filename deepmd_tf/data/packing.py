"""A fed batch as one vector of float64, so that it crosses from Python to the `tf.data` runtime as a single tensor.

The vector is a header (the sizes nframes, natoms, nfparam, naparam and whether it is periodic, then a flag per label),
followed by the arrays in the order of `shapes`. The integers among them are small and survive as float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepmd_tf.data.labels import OPTIONAL

FLAGS = tuple(f"has_{label.name}" for label in OPTIONAL)
SIZES = 5
HEADER = SIZES + len(FLAGS)


def shapes(nframes: Any, natoms: Any, nfparam: Any, naparam: Any, ntypes: int) -> dict[str, tuple[Any, ...]]:
    """Return name and shape of the arrays, in order; the sizes may be integers or scalar tensors."""
    return {
        "coord": (nframes, 3 * natoms),
        "type": (nframes, natoms),
        "box": (nframes, 9),
        "natoms": (ntypes + 2,),
        "energy": (nframes,),
        "force": (nframes, 3 * natoms),
        "virial": (nframes, 9),
        "atom_ener": (nframes, natoms),
        "fparam": (nframes, nfparam),
        "aparam": (nframes, natoms * naparam),
    }


def pack(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Put the arrays of `feed.feed` into one vector."""
    nframes, natoms = arrays["type"].shape
    sizes = (nframes, natoms, arrays["fparam"].shape[1], arrays["aparam"].shape[1] // natoms)
    header = np.array([*sizes, arrays["periodic"], *(arrays[name] for name in FLAGS)], dtype=np.float64)
    ntypes = len(arrays["natoms"]) - 2
    return np.concatenate([header, *(arrays[name].ravel() for name in shapes(*sizes, ntypes))])


def stack(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Put vectors of different lengths into one array `[nvectors, longest]`, zeros at the ends."""
    result = np.zeros((len(vectors), max(len(vector) for vector in vectors)))
    for row, vector in zip(result, vectors, strict=True):
        row[: len(vector)] = vector
    return result
