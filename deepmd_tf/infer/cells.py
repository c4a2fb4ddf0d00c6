"""Boundary conditions per axis, for graphs that know only periodic and open."""

from __future__ import annotations

import numpy as np


def isolating_cell(coord: np.ndarray, cell: np.ndarray, pbc: tuple[bool, bool, bool], rcut: float) -> np.ndarray:
    """Replace the vectors of open axes so that no atom sees an image across them.

    The new vectors are perpendicular to the periodic ones and to each other, and longer than the atoms' extent plus
    the cutoff; energies, forces and virials are then exactly those of the partly periodic system.

    Parameters
    ----------
    coord : ndarray
        Å ``[natoms, 3]``.
    cell : ndarray
        Cell vectors in rows (Å) ``[3, 3]``; rows of open axes are not read.
    pbc : tuple of bool
        Which axes are periodic, at least one; their vectors are not zero and not parallel.
    rcut : float
        Cutoff (Å).

    Returns
    -------
    ndarray
        ``[3, 3]``.
    """
    periodic = np.array(pbc, bool)
    kept = cell[periodic]
    directions = np.linalg.svd(kept)[2][len(kept) :]
    result = np.array(cell, float)
    for axis, direction in zip(np.flatnonzero(~periodic), directions, strict=True):
        along = coord @ direction
        result[axis] = direction * (np.ptp(along) + rcut + 1.0)
    return result
