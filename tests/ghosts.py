"""Frames as domains: atoms, their images as ghosts, and lists of neighbors, as parallel programs hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .frames import Frame


@dataclass(frozen=True)
class Domain:
    """Atoms of a domain.

    Attributes
    ----------
    coord, types : ndarray
        Å ``[nall, 3]`` and ``[nall]``, centers first.
    owner : ndarray
        Index of the center that each atom is an image of ``[nall]``.
    splits, neighbor : ndarray
        Who is within the cutoff, or not far beyond, of each center, in no order.
    """

    coord: np.ndarray
    types: np.ndarray
    owner: np.ndarray
    splits: np.ndarray
    neighbor: np.ndarray

    def home(self, values: np.ndarray) -> np.ndarray:
        """Add what ghosts have ``[nall, ...]`` to their owners ``[nloc, ...]``."""
        result = np.zeros((len(self.splits) - 1, *values.shape[1:]))
        np.add.at(result, self.owner, values)
        return result


def domain_of(frame: Frame, reach: float, rng: np.random.Generator) -> Domain:
    """The atoms of a frame, images within `reach` (Å) of any of them, and lists that hold all within `reach`."""
    nloc = frame.natoms
    coord, owner = [frame.coord], [np.arange(nloc)]
    if frame.cell is not None:
        heights = 1 / np.linalg.norm(np.linalg.inv(frame.cell), axis=0)
        spread = np.ptp(frame.coord @ np.linalg.inv(frame.cell), axis=0)
        most = np.ceil(reach / heights + spread).astype(int)
        for shift in np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), -1).reshape(-1, 3):
            image = frame.coord + shift @ frame.cell
            distances = np.linalg.norm(image[:, None] - frame.coord, axis=2).min(axis=1)
            kept = np.flatnonzero(distances < reach) if shift.any() else []
            coord.append(image[kept])
            owner.append(np.asarray(kept, int))
    coord, owner = np.concatenate(coord), np.concatenate(owner)
    distances = np.linalg.norm(coord[:nloc, None] - coord, axis=2)
    lists = [
        rng.permutation(np.flatnonzero((row < reach) & (np.arange(len(coord)) != i))) for i, row in enumerate(distances)
    ]
    splits = np.concatenate([[0], np.cumsum([len(each) for each in lists])])
    return Domain(coord, frame.types[owner], owner, splits, np.concatenate(lists).astype(np.int32))
