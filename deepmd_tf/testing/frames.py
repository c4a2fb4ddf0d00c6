"""Small frames with different cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CELLS = {
    "orthorhombic": np.diag([4.6, 5.2, 5.9]),
    "triclinic": np.array([[4.8, 0.0, 0.0], [1.1, 5.0, 0.0], [-0.7, 0.9, 5.3]]),
    "rotated": np.array([[3.2, -3.5, 0.6], [3.4, 3.1, 0.9], [-1.2, 0.3, 5.4]]),
    "small": np.array([[2.7, 0.0, 0.0], [0.4, 2.9, 0.0], [0.2, -0.3, 2.8]]),
    "open": None,
}
_NUMBERS_OF_ATOMS = {"small": 2}
_SHORTEST_DISTANCE = 1.1

FRAMES = tuple(_CELLS)
"""Names of the frames: the shape of the cell, or "open" for open boundaries."""


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes
    ----------
    coord : ndarray
        Coordinates (Å) ``[natoms, 3]``.
    cell : ndarray or None
        Cell vectors in rows (Å) ``[3, 3]``; None for open boundaries.
    types : ndarray
        Types of the atoms ``[natoms]``.
    fparam : ndarray or None
        Frame parameters ``[nfparam]``.
    aparam : ndarray or None
        Atomic parameters ``[natoms, naparam]``.
    """

    coord: np.ndarray
    cell: np.ndarray | None
    types: np.ndarray
    fparam: np.ndarray | None = None
    aparam: np.ndarray | None = None

    @property
    def natoms(self) -> int:
        """Number of atoms."""
        return len(self.types)

    def replace(self, **changes) -> Frame:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def subset(self, atoms) -> Frame:
        """Return the frame of some atoms, in the given order."""
        aparam = None if self.aparam is None else self.aparam[atoms]
        return self.replace(coord=self.coord[atoms], types=self.types[atoms], aparam=aparam)


def make_frame(
    name: str = "triclinic", *, types: Sequence[int] = (0, 1), nfparam: int = 0, naparam: int = 0, seed: int = 0
) -> Frame:
    """Return a frame of two to six atoms in mixed order, some of them outside the cell.

    Parameters
    ----------
    name : str
        One of `FRAMES`.
    types : sequence of int
        Types that occur.
    nfparam, naparam : int
        Numbers of frame and of atomic parameters, which are random.
    seed : int
        Seed of the coordinates and parameters.
    """
    rng = np.random.default_rng([seed, FRAMES.index(name)])
    cell, natoms = _CELLS[name], _NUMBERS_OF_ATOMS.get(name, 6)
    coord = _positions(rng, _CELLS["orthorhombic"] if cell is None else cell, natoms)
    order = [1, 0, 2, 0, 0, 1] if len(types) > 2 else [1, 0, 1, 0, 0, 1]
    frame = Frame(coord, cell, np.asarray(types)[np.resize(order, natoms) % len(types)])
    if nfparam:
        frame = frame.replace(fparam=rng.normal(size=nfparam))
    if naparam:
        frame = frame.replace(aparam=rng.normal(size=(natoms, naparam)))
    return frame


def _positions(rng: np.random.Generator, cell: np.ndarray, natoms: int) -> np.ndarray:
    """Return random positions (Å) ``[natoms, 3]`` that keep a shortest distance, also between periodic images."""
    images = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ cell
    positions: list[np.ndarray] = []
    while len(positions) < natoms:
        trial = rng.uniform(-0.2, 1.2, 3) @ cell
        if all(np.linalg.norm(trial + images - other, axis=1).min() > _SHORTEST_DISTANCE for other in positions):
            positions.append(trial)
    return np.array(positions)
