"""Frames brought into batches that a graph takes at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Batch(NamedTuple):
    """Frames that are evaluated together.

    Attributes
    ----------
    frames : ndarray or slice
        Which, by their numbers.
    order : ndarray or None
        The atoms of each frame as the graph expects them ``[nframes, natoms]``; None: as they are.
    counts : ndarray
        Number of atoms of each type ``[ntypes]``, of every frame or, where the order is None, of the first.
    """

    frames: np.ndarray | slice
    order: np.ndarray | None
    counts: np.ndarray


def as_given(types: np.ndarray, ntypes: int, size: int) -> list[Batch]:
    """Batches of at most `size` frames, for graphs that take any atoms in any order.

    Parameters
    ----------
    types : ndarray
        int ``[nframes, natoms]``.
    ntypes : int
        Number of types.
    size : int
        Frames in a batch.
    """
    return [
        Batch(slice(k, k + size), None, np.bincount(types[k], minlength=ntypes)) for k in range(0, len(types), size)
    ]


def by_composition(types: np.ndarray, ntypes: int, size: int) -> list[Batch]:
    """Batches of at most `size` frames of one composition, with their atoms sorted by type; see `as_given`."""
    order = np.argsort(types, axis=1, kind="stable")
    counts = np.stack([np.sum(types == kind, axis=1) for kind in range(ntypes)], axis=1)
    _, group = np.unique(counts, axis=0, return_inverse=True)
    by_group = np.argsort(group.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(group.ravel()))[:-1]
    batches = [frames[k : k + size] for frames in np.split(by_group, ends) for k in range(0, len(frames), size)]
    return [Batch(frames, order[frames], counts[frames[0]]) for frames in batches]
