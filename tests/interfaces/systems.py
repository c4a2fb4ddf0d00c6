"""Named systems that every interface must evaluate correctly; each covers a special case."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..frames import Frame, make_frame

TYPE_MAP = ("O", "H")
OPEN, PERIODIC = (False,) * 3, (True,) * 3


class System(NamedTuple):
    """Frame and its boundary conditions; a frame without periodic axes has no cell."""

    frame: Frame
    pbc: tuple[bool, bool, bool] = PERIODIC

    @property
    def mixed(self) -> bool:
        """True if some axes are periodic and others are open."""
        return any(self.pbc) and not all(self.pbc)

    @property
    def triangular(self) -> bool:
        """True if the first cell vector is along x and the second in the xy plane, as LAMMPS requires."""
        return self.frame.cell is None or not np.triu(self.frame.cell, 1).any()


def _outside() -> Frame:
    """Return a frame with every atom moved by up to three cells along each axis."""
    frame = make_frame("triclinic")
    return frame.replace(coord=frame.coord + np.random.default_rng(1).integers(-3, 4, (6, 3)) @ frame.cell)


def _between_vacuum(*axes: int) -> Frame:
    """Return a frame with open axes along which the cell is larger than the extent of the atoms."""
    frame = make_frame("orthorhombic")
    coord, cell = frame.coord.copy(), frame.cell.copy()
    for axis in axes:
        coord[:, axis] -= coord[:, axis].min() - 1.0
        cell[axis, axis] = np.ptp(coord[:, axis]) + 2.0
    return frame.replace(coord=coord, cell=cell)


def _liquid() -> Frame:
    """Return a frame in a skewed cell with enough atoms for every rank of a parallel program."""
    rng = np.random.default_rng(7)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3) + rng.uniform(
        -0.15, 0.15, (64, 3)
    )
    cell = np.array([[10.0, 0, 0], [1.5, 10.0, 0], [-1.0, 0.5, 10.0]])
    return Frame(grid / 4 @ cell, cell, rng.integers(0, 2, 64))


def _one(cell=None) -> Frame:
    return Frame(np.array([[0.3, 0.2, 0.1]]), cell, np.array([1]))


_TRICLINIC = make_frame("triclinic")

SYSTEMS = {
    "orthorhombic": System(make_frame("orthorhombic")),
    "triclinic": System(_TRICLINIC),
    "rotated": System(make_frame("rotated")),
    "cell smaller than the cutoff": System(make_frame("small")),
    "atoms outside the cell": System(_outside()),
    "open": System(make_frame("open"), OPEN),
    "slab": System(_between_vacuum(2), (True, True, False)),
    "wire": System(_between_vacuum(0, 1), (False, False, True)),
    "types in another order": System(_TRICLINIC.subset([3, 0, 5, 1, 4, 2])),
    "one species": System(_TRICLINIC.replace(types=np.zeros(6, int))),
    "isolated atom": System(_one(), OPEN),
    "isolated atom in a cell": System(_one(np.diag([11.0, 12.0, 13.0]))),
    "one atom and its images": System(_one(np.array([[2.5, 0, 0], [0.4, 2.6, 0], [-0.3, 0.2, 2.7]]))),
    "liquid": System(_liquid()),
}
