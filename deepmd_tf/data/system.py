"""A system: frames of one composition in one directory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deepmd_tf.data.batch import Batch
from deepmd_tf.data.rows import Rows


class System:
    """Frames that share their atoms.

    Attributes
    ----------
    path : str
        The directory, as the user wrote it.
    type_map : tuple of str
        The model's names of the species.
    type : ndarray
        Index into `type_map` of each atom, int32 `[natoms]`.
    periodic : bool
        False when the directory has a file `nopbc`.
    labels : frozenset of str
        Which of energy, force, virial, atom_ener, fparam and aparam there are.
    """

    def __init__(
        self, path: str, type_map: tuple[str, ...], type: np.ndarray, periodic: bool, rows: Mapping[str, Rows]
    ) -> None:
        self.path = path
        self.type_map = type_map
        self.type = type
        self.periodic = periodic
        self._rows = dict(rows)
        self.labels = frozenset(self._rows) - {"coord", "box"}

    def __repr__(self) -> str:
        return f"System({self.path!r}, natoms={self.natoms}, nframes={self.nframes}, labels={sorted(self.labels)})"

    @property
    def natoms(self) -> int:
        """Number of atoms of a frame."""
        return len(self.type)

    @property
    def nframes(self) -> int:
        """Number of frames."""
        return len(self._rows["coord"])

    @property
    def ntypes(self) -> int:
        """Number of species of the model."""
        return len(self.type_map)

    @property
    def atoms_per_type(self) -> np.ndarray:
        """Number of atoms of each species, int64 `[ntypes]`."""
        return np.bincount(self.type, minlength=self.ntypes)

    @property
    def numb_fparam(self) -> int:
        """Number of frame parameters; 0 without `fparam.npy`."""
        return self._rows["fparam"].ncolumns if "fparam" in self.labels else 0

    @property
    def numb_aparam(self) -> int:
        """Number of atomic parameters; 0 without `aparam.npy`."""
        return self._rows["aparam"].ncolumns // self.natoms if "aparam" in self.labels else 0

    def frames(self, indices: np.ndarray | list[int] | slice | None = None) -> Batch:
        """Return the frames `indices` (all of them by default), in that order, as new float64 arrays."""
        if indices is None or isinstance(indices, slice):
            chosen = np.arange(self.nframes)[indices or slice(None)]
        else:
            chosen = np.asarray(indices)
        arrays = {name: rows.take(chosen) for name, rows in self._rows.items()}
        per_atom = (len(chosen), self.natoms, -1)
        arrays["coord"] = arrays["coord"].reshape(per_atom)
        for name in ("force", "aparam"):
            if name in arrays:
                arrays[name] = arrays[name].reshape(per_atom)
        if "box" in arrays:
            arrays["box"] = arrays["box"].reshape(-1, 3, 3)
        if "energy" in arrays:
            arrays["energy"] = arrays["energy"].reshape(-1)
        return Batch(type=np.tile(self.type, (len(chosen), 1)), **arrays)
