"""Small frames for tests, by name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One frame: coord [natoms, 3] (Å), cell [3, 3] (Å, rows) or None when open, types [natoms], fparam, aparam."""

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
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def subset(self, atoms) -> Frame:
        """The frame of some atoms, in the order given."""
        aparam = None if self.aparam is None else self.aparam[atoms]
        return self.replace(coord=self.coord[atoms], types=self.types[atoms], aparam=aparam)


_CELLS = {
    "orthorhombic": np.diag([4.6, 5.2, 5.9]),
    "triclinic": np.array([[4.8, 0.0, 0.0], [1.1, 5.0, 0.0], [-0.7, 0.9, 5.3]]),
    "rotated": np.array([[3.2, -3.5, 0.6], [3.4, 3.1, 0.9], [-1.2, 0.3, 5.4]]),
    "small": np.array([[2.7, 0.0, 0.0], [0.4, 2.9, 0.0], [0.2, -0.3, 2.8]]),
    "open": None,
}
_ATOMS = {"small": 2}
FRAMES = tuple(_CELLS)


def _spread(rng: np.random.Generator, cell: np.ndarray, natoms: int, shortest: float) -> np.ndarray:
    """Positions in a cell, some of them outside it, no two closer than `shortest` (Å)."""
    images = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ cell
    positions: list[np.ndarray] = []
    while len(positions) < natoms:
        trial = rng.uniform(-0.2, 1.2, 3) @ cell
        if all(np.linalg.norm(trial + images - other, axis=1).min() > shortest for other in positions):
            positions.append(trial)
    return np.array(positions)


def make_frame(name: str = "triclinic", *, config=None, ntypes: int = 2, seed: int = 0) -> Frame:
    """A frame with atoms of all types that have slots, in no order, and the parameters that `config` asks for.

    Parameters
    ----------
    name : str
        One of `FRAMES`: what the cell is like.
    config : Config, optional
        Of the model.
    ntypes : int
        Number of types, without `config`.
    seed : int
        Of the positions.
    """
    rng = np.random.default_rng([seed, FRAMES.index(name)])
    cell, natoms = _CELLS[name], _ATOMS.get(name, 6)
    coord = _spread(rng, _CELLS["orthorhombic"] if cell is None else cell, natoms, 1.1)
    sel = config.model.descriptor.members[0].sel if config else np.ones(ntypes)
    present = np.flatnonzero(sel)
    order = [1, 0, 2, 0, 0, 1] if len(present) > 2 else [1, 0, 1, 0, 0, 1]
    frame = Frame(coord, cell, present[np.resize(order, natoms) % len(present)])
    if config is not None:
        fitting = config.model.fitting_net
        if fitting.numb_fparam:
            frame = frame.replace(fparam=rng.normal(size=fitting.numb_fparam))
        if fitting.numb_aparam:
            frame = frame.replace(aparam=rng.normal(size=(natoms, fitting.numb_aparam)))
    return frame
