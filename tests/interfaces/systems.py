"""Named systems that every interface must get right, each for a reason of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..frames import Frame, make_frame

TYPE_MAP = ("O", "H")
OPEN, PERIODIC = (False,) * 3, (True,) * 3


class System(NamedTuple):
    """A frame and its boundaries; without periodic axes the frame has no cell."""

    frame: Frame
    pbc: tuple[bool, bool, bool] = PERIODIC

    @property
    def mixed(self) -> bool:
        """Whether some axes are periodic and others are open."""
        return any(self.pbc) and not all(self.pbc)

    @property
    def triangular(self) -> bool:
        """Whether the first cell vector lies along x and the second in the plane xy, as some programs demand."""
        return self.frame.cell is None or not np.triu(self.frame.cell, 1).any()


def _outside() -> Frame:
    """Every atom in a cell of its own, up to three away."""
    frame = make_frame("triclinic")
    return frame.replace(coord=frame.coord + np.random.default_rng(1).integers(-3, 4, (6, 3)) @ frame.cell)


def _between_vacuum(*axes: int) -> Frame:
    """Atoms inside a cell that open axes leave room in."""
    frame = make_frame("orthorhombic")
    coord, cell = frame.coord.copy(), frame.cell.copy()
    for axis in axes:
        coord[:, axis] -= coord[:, axis].min() - 1.0
        cell[axis, axis] = np.ptp(coord[:, axis]) + 2.0
    return frame.replace(coord=coord, cell=cell)


def _liquid() -> Frame:
    """Enough atoms that every rank of a parallel program has some, in a skewed cell."""
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
