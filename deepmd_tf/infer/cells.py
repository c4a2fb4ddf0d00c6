"""Boundary conditions per axis, for graphs that support only fully periodic or fully open frames."""

from __future__ import annotations

import numpy as np


def isolating_cell(coord: np.ndarray, cell: np.ndarray, pbc: tuple[bool, bool, bool], rcut: float) -> np.ndarray:
    """Replace the cell vectors of open axes such that no atom interacts with an image across them.

    The new vectors are perpendicular to the periodic ones and to each other, and longer than the extent of the atoms
    plus the cutoff. Energies, forces and virials are then exactly those of the partly periodic system.

    Parameters
    ----------
    coord : ndarray
        Å ``[natoms, 3]``.
    cell : ndarray
        Cell vectors in rows (Å) ``[3, 3]``; rows of open axes are ignored.
    pbc : tuple of bool
        True for each periodic axis. At least one axis is periodic, and the periodic vectors are linearly independent.
    rcut : float
        Cutoff (Å).

    Returns
    -------
    ndarray
        Cell vectors in rows (Å) ``[3, 3]``.
    """
    periodic = np.array(pbc, bool)
    kept = cell[periodic]
    directions = np.linalg.svd(kept)[2][len(kept) :]
    result = np.array(cell, float)
    for axis, direction in zip(np.flatnonzero(~periodic), directions, strict=True):
        along = coord @ direction
        result[axis] = direction * (np.ptp(along) + rcut + 1.0)
    return result
