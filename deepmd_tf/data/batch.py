"""Batches, or parts of them: frames of one system as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Frames of one system; every array is float64 except `type`, atoms are in the order of the files.

    Attributes
    ----------
    coord
        Coordinates, Å, `[nframes, natoms, 3]`.
    type
        Indices of the model's type map, int32, `[nframes, natoms]`; negative for padding atoms, which have
        meaningless values in the other arrays.
    box
        Cell vectors in rows, Å, `[nframes, 3, 3]`; None for an open system.
    energy, force, virial, atom_ener
        Labels: eV `[nframes]`, eV/Å `[nframes, natoms, 3]`, eV `[nframes, 9]`, eV `[nframes, natoms]`; None if the
        system has none.
    fparam, aparam
        Frame and atomic parameters `[nframes, nfparam]`, `[nframes, natoms, naparam]`; None if the system has none.
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
        """Number of atoms of each frame, including padding."""
        return self.coord.shape[1]

    @property
    def real(self) -> np.ndarray | None:
        """Mask of atoms that are not padding, bool `[nframes, natoms]`; None if there is no padding."""
        if self.type.size == 0 or self.type.min() >= 0:
            return None
        return self.type >= 0

    def without_padding(self) -> Iterator[tuple[np.ndarray, Batch]]:
        """Yield groups of frames with equal numbers of real atoms: their indices, and a batch without padding."""
        real = self.real
        if real is None:
            yield np.arange(self.nframes), self
            return
        counts = real.sum(axis=1)
        for natoms in np.unique(counts):
            frames = np.flatnonzero(counts == natoms)
            atoms = np.nonzero(real[frames])[1].reshape(len(frames), natoms)
            yield frames, self._part(frames, atoms)

    def _part(self, frames: np.ndarray, atoms: np.ndarray) -> Batch:
        """Return the atoms `[n, natoms]` of the frames `[n]`."""
        arrays = {}
        for field in fields(self):
            values = getattr(self, field.name)
            if values is not None:
                per_atom = field.name in ("coord", "type", "force", "atom_ener", "aparam")
                values = values[frames[:, None], atoms] if per_atom else values[frames]
            arrays[field.name] = values
        return Batch(**arrays)
