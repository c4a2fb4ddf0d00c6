"""Neighbor search: the neighbors of each atom as compressed rows of edges."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepmd_tf import _kernels
from deepmd_tf.errors import InputError


class Neighbors(NamedTuple):
    """Neighbors of all centers; the edges of center ``i`` are ``edge_splits[i] : edge_splits[i + 1]``.

    The edges of a center are sorted by the neighbor's type, then distance, then index.

    Attributes
    ----------
    edge_splits
        [nloc + 1] int64.
    neighbor
        [nedge] int32, index of the neighbor; for a periodic image, index of the real atom.
    edge_vec
        [nedge, 3] float64, r_j + shift - r_i in Å.
    """

    edge_splits: np.ndarray
    neighbor: np.ndarray
    edge_vec: np.ndarray


def periodic(
    coord: np.ndarray,
    type: np.ndarray,
    cell: np.ndarray,
    rcut: float,
    pbc: Sequence[bool] = (True, True, True),
    threads: int = 1,
) -> Neighbors:
    """Find the neighbors at r < rcut among the atoms and their periodic images.

    Parameters
    ----------
    coord
        Coordinates [natoms, 3] in Å; atoms may be outside the cell.
    type
        Types [natoms], not negative, in any order.
    cell
        Cell vectors in rows [3, 3] in Å. The cell may be smaller than ``rcut``: several images of another atom, and
        images of the atom itself, are then neighbors.
    rcut
        Cutoff radius (Å).
    pbc
        Periodicity along each cell vector. Vectors without periodicity are not used and may be zero.
    threads
        Number of threads. The search releases the interpreter lock.
    """
    coord, type = _checked(coord, type)
    cell = np.ascontiguousarray(cell, dtype=np.float64)
    if cell.shape != (3, 3):
        raise InputError(f"cell: expected shape [3, 3], got {list(cell.shape)}")
    if len(pbc) != 3:
        raise InputError(f"pbc: expected three booleans, got {pbc!r}")
    pbc = [bool(axis) for axis in pbc]
    return Neighbors(*_kernels.neighbors_periodic(coord[None], type[None], cell[None], pbc, float(rcut), threads))


def of_frames(
    coord: np.ndarray,
    type: np.ndarray,
    frame_splits: np.ndarray,
    cell: np.ndarray,
    periodic: np.ndarray,
    ntypes: int,
    rcut: float,
    threads: int = 1,
) -> tuple[Neighbors, np.ndarray]:
    """Find the neighbors at r < rcut in frames of any size with concatenated atoms.

    Parameters
    ----------
    coord
        Coordinates of the atoms of all frames [natoms, 3] in Å.
    type
        Types [natoms] from 0 to ntypes - 1, in any order.
    frame_splits
        Offsets [nframes + 1]; the atoms of frame f are ``frame_splits[f] : frame_splits[f + 1]``.
    cell
        Cell vectors in rows [nframes, 3, 3] or [nframes, 9] in Å, not used for frames that are not periodic.
    periodic
        Periodicity of each frame [nframes], bool.
    ntypes
        Number of types.
    rcut
        Cutoff radius (Å).
    threads
        Number of threads. The search releases the interpreter lock.

    Returns
    -------
    tuple
        The neighbors, with indices among the atoms of all frames, and the largest number of neighbors of each type of
        any atom, int32 [ntypes].

    Raises
    ------
    InputError
        If two atoms of a frame are at the same position.
    """
    found, most = _kernels.neighbors_of_frames(
        np.ascontiguousarray(coord, dtype=np.float64),
        np.ascontiguousarray(type, dtype=np.int32),
        np.ascontiguousarray(frame_splits, dtype=np.int32),
        np.ascontiguousarray(cell, dtype=np.float64).reshape(-1, 3, 3),
        np.ascontiguousarray(periodic, dtype=np.bool_),
        int(ntypes),
        float(rcut),
        threads,
    )
    return Neighbors(*found), most


def open(coord: np.ndarray, type: np.ndarray, rcut: float, threads: int = 1) -> Neighbors:
    """Find the neighbors at r < rcut without periodic images; parameters as for `periodic`."""
    return ghosts(coord, type, len(coord), rcut, threads)


def ghosts(coord: np.ndarray, type: np.ndarray, nloc: int, rcut: float, threads: int = 1) -> Neighbors:
    """Find the neighbors at r < rcut of the first ``nloc`` atoms among all; parameters as for `periodic`.

    The other atoms are ghosts: copies of atoms from an MD program with domain decomposition. They are neighbors, but
    not centers.
    """
    coord, type = _checked(coord, type)
    if not 0 <= nloc <= len(coord):
        raise InputError(f"nloc: expected a number in [0, {len(coord)}], got {nloc}")
    return Neighbors(*_kernels.neighbors_open(coord[None], type[None], int(nloc), float(rcut), threads))


def _checked(coord: np.ndarray, type: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coord = np.ascontiguousarray(coord, dtype=np.float64)
    if coord.ndim != 2 or coord.shape[1] != 3:
        raise InputError(f"coord: expected shape [natoms, 3], got {list(coord.shape)}")
    type = np.asarray(type)
    if type.shape != coord.shape[:1]:
        raise InputError(f"type: expected shape [{len(coord)}], one per atom of coord, got {list(type.shape)}")
    if type.size and not np.issubdtype(type.dtype, np.integer):
        raise InputError(f"type: expected integers, got {type.dtype}")
    if type.size and type.min() < 0:
        atom = int(np.argmin(type))
        raise InputError(f"type: expected no negative number, got {type[atom]} for atom {atom}")
    bad = ~np.isfinite(coord)
    if bad.any():
        atom, axis = np.argwhere(bad)[0]
        raise InputError(f"coord: expected finite numbers, got {coord[atom, axis]} for atom {atom}, {'xyz'[axis]}")
    return coord, np.ascontiguousarray(type, dtype=np.int32)
