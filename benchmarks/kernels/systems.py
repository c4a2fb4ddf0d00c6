"""Water for the kernel benchmarks: a box, its neighbors, and their slots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from benchmarks.frames import counts_near, repeat
from benchmarks.inputs import ATOMS, EXAMPLE_DATA, load, load_types
from deepmd_tf import _kernels
from deepmd_tf.geometry import Neighbors, neighbors

RCUT, RCUT_SMTH = 6.0, 0.5
SEL = (46, 92)


@dataclass(frozen=True)
class Water:
    """A periodic box.

    Attributes
    ----------
    coord, cell, types : ndarray
        Å ``[natoms, 3]``, Å ``[3, 3]``, int32 ``[natoms]``.
    found : Neighbors
        Neighbors within `RCUT`.
    """

    coord: np.ndarray
    cell: np.ndarray
    types: np.ndarray
    found: Neighbors

    @property
    def natoms(self) -> int:
        """Return the number of atoms."""
        return len(self.types)

    @property
    def nedge(self) -> int:
        """Return the number of edges."""
        return len(self.found.neighbor)


class Slots(NamedTuple):
    """One frame in padded form, with a random derivative of the energy; shapes as in `_kernels.force_se_a`."""

    net_deriv: np.ndarray
    in_deriv: np.ndarray
    rij: np.ndarray
    nlist: np.ndarray


@cache
def water(natoms: int) -> Water:
    """Return water of `natoms` atoms, `ATOMS` times a cube: repeated frames of the example."""
    system = EXAMPLE_DATA / "data_3"
    frame = load(system, "coord")[:1], load(system, "box")[:1], load_types(system)
    frame = repeat(*frame, (ATOMS // len(frame[2]), 1, 1))
    coord, cell, types = repeat(*frame, counts_near(ATOMS, natoms))
    coord, cell, types = coord.reshape(-1, 3), cell.reshape(3, 3), types.astype(np.int32)
    return Water(coord, cell, types, neighbors.periodic(coord, types, cell, RCUT))


@cache
def slots(natoms: int) -> Slots:
    """Return the slots of `water`, float64."""
    box = water(natoms)
    width = 4 * sum(SEL)
    avg, std = np.zeros((2, width)), np.ones((2, width))
    rows, in_deriv, rij, nlist, _ = _kernels.env_mat_a(box.types, *box.found, avg, std, RCUT, RCUT_SMTH, list(SEL))
    net_deriv = np.random.default_rng(1).standard_normal(rows.shape)
    return Slots(net_deriv[None], in_deriv[None], rij[None], nlist[None])


@cache
def table_of_water(natoms: int):
    """Return the environment rows of `water` ``[nedge, 4]`` and their cells in a table."""
    box = water(natoms)
    avg, radial, angular = np.zeros(2), np.full(2, 0.15), np.full(2, 0.12)
    found = box.found
    rows = _kernels.edge_rows(found.edge_vec, found.edge_splits, box.types, avg, radial, angular, RCUT, RCUT_SMTH)
    return rows, _kernels.cells_of_rows(rows, found.edge_splits, found.neighbor, box.types, 2, True, 0.0, 2.0, 4)


@cache
def pairs_of_water(natoms: int):
    """Return the cells in a table of the pairs of neighbors of `water`."""
    box = water(natoms)
    rows, _ = table_of_water(natoms)
    found = box.found
    return _kernels.cells_of_pairs(rows, found.edge_splits, found.neighbor, box.types, 2, 2.0, 2)
