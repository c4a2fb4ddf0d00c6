"""A batch, or a part of one: some frames of one system, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Frames of one system; every array is float64 except `type`, atoms stand in the order of the files.

    Attributes
    ----------
    coord
        Coordinates, Å, `[nframes, natoms, 3]`.
    type
        Indices into the model's type map, int32, `[nframes, natoms]`.
    box
        Cell vectors in rows, Å, `[nframes, 3, 3]`; None for an open system.
    energy, force, virial, atom_ener
        Labels: eV `[nframes]`, eV/Å `[nframes, natoms, 3]`, eV `[nframes, 9]`, eV `[nframes, natoms]`; None when the
        system has none.
    fparam, aparam
        Frame and atomic parameters `[nframes, nfparam]`, `[nframes, natoms, naparam]`; None when the system has none.
    """

    coord: np.ndarray
    type: np.ndarray
    box: np.ndarray | None = None
    energy: np.ndarray | None = None
    force: np.ndarray | None = None
    virial: np.ndarray | None = None
    atom_ener: np.ndarray | None = None
    fparam: np.ndarray | None = None
    aparam: np.ndarray | None = None

    @property
    def nframes(self) -> int:
        """Number of frames."""
        return self.coord.shape[0]

    @property
    def natoms(self) -> int:
        """Number of atoms of each frame."""
        return self.coord.shape[1]
