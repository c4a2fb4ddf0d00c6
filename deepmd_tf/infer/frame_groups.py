"""Groups of frames that a graph evaluates in one call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class FrameGroup(NamedTuple):
    """Indices of frames that are evaluated together.

    Attributes
    ----------
    frames : ndarray or slice
        Indices of the frames.
    order : ndarray or None
        Order of the atoms of each frame in which the graph expects them ``[nframes, natoms]``; None for the given
        order.
    counts : ndarray
        Number of atoms of each type ``[ntypes]``. It holds for every frame if `order` is given, else for the first.
    """

    frames: np.ndarray | slice
    order: np.ndarray | None
    counts: np.ndarray


def group_consecutive(types: np.ndarray, ntypes: int, size: int) -> list[FrameGroup]:
    """Return groups of at most `size` consecutive frames, for graphs that take any atoms in any order.

    Parameters
    ----------
    types : ndarray
        Types of the atoms, int ``[nframes, natoms]``.
    ntypes : int
        Number of types.
    size : int
        Largest number of frames in a group.
    """
    return [
        FrameGroup(slice(k, k + size), None, np.bincount(types[k], minlength=ntypes))
        for k in range(0, len(types), size)
    ]


def group_by_composition(types: np.ndarray, ntypes: int, size: int) -> list[FrameGroup]:
    """Return groups of at most `size` frames of one composition, with atoms sorted by type.

    See `group_consecutive` for the arguments.
    """
    order = np.argsort(types, axis=1, kind="stable")
    counts = np.stack([np.sum(types == kind, axis=1) for kind in range(ntypes)], axis=1)
    _, composition = np.unique(counts, axis=0, return_inverse=True)
    by_composition = np.argsort(composition.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(composition.ravel()))[:-1]
    groups = [frames[k : k + size] for frames in np.split(by_composition, ends) for k in range(0, len(frames), size)]
    return [FrameGroup(frames, order[frames], counts[frames[0]]) for frames in groups]
