"""Systems: frames from one directory, group or file, with equal or different compositions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from deepmd_tf.data.batch import Batch
from deepmd_tf.data.checks import single_precision_rounding
from deepmd_tf.data.labels import BOX, BY_NAME, ENERGY
from deepmd_tf.data.rows import ChosenRows, RaggedRows, Rows
from deepmd_tf.data.species import FixedTypes, FrameTypes

ATOMS_AT_ONCE = 2**18
"""Maximum number of atoms, including padding, in memory at a time during a pass over all frames."""


class System:
    """Frames that were stored together.

    Attributes
    ----------
    path : str
        Path of the system as given by the user.
    type_map : tuple of str
        Names of the species of the model.
    type : ndarray or None
        Index of each atom in `type_map`, int32 `[natoms]`; None if each frame has its own composition.
    periodic : bool
        Whether the system has cells.
    labels : frozenset of str
        Available arrays among energy, force, virial, atom_ener, fparam and aparam.
    """

    def __init__(
        self,
        path: str,
        type_map: tuple[str, ...],
        types: FixedTypes | FrameTypes,
        periodic: bool,
        rows: Mapping[str, Rows | RaggedRows | ChosenRows],
        places: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.type_map = type_map
        self.type = types.common
        self.periodic = periodic
        self._types = types
        self._rows = dict(rows)
        self.labels = frozenset(self._rows) - {"coord", "box"}
        self._places = places or {}

    def __repr__(self) -> str:
        return f"System({self.path!r}, natoms={self.natoms}, nframes={self.nframes}, labels={sorted(self.labels)})"

    def place_of(self, label: str) -> str:
        """Return the file or key of a label, for messages; the label may be missing."""
        return self._places.get(label, f"{label}.npy")

    @property
    def mixed(self) -> bool:
        """Whether each frame has its own composition."""
        return self.type is None

    @property
    def natoms(self) -> int:
        """Number of atoms of a frame; if frames differ, of the largest frame or including the padding of the files."""
        return self._types.natoms

    @property
    def frame_sizes(self) -> np.ndarray:
        """Number of atoms of each frame without padding, `[nframes]`."""
        return self._types.sizes if self.mixed else np.full(self.nframes, self.natoms)

    @property
    def size_range(self) -> tuple[int, int]:
        """Number of atoms of the smallest and of the largest frame, without padding."""
        if not self.mixed:
            return self.natoms, self.natoms
        return int(self._types.sizes.min()), int(self._types.sizes.max())

    @property
    def total_atoms(self) -> int:
        """Total number of atoms of all frames, without padding."""
        return int(self._types.sizes.sum()) if self.mixed else self.natoms * self.nframes

    def only(self, frames: np.ndarray) -> System:
        """Return a system of the frames `frames` `[n]`; for systems with frames of different size."""
        rows = {name: ChosenRows(values, frames) for name, values in self._rows.items()}
        return System(self.path, self.type_map, self._types.only(frames), self.periodic, rows, self._places)

    @property
    def nframes(self) -> int:
        """Number of frames."""
        return len(self._rows["coord"])

    @property
    def ntypes(self) -> int:
        """Number of species of the model."""
        return len(self.type_map)

    @property
    def numb_fparam(self) -> int:
        """Number of frame parameters; 0 without `fparam.npy`."""
        return self._rows["fparam"].ncolumns if "fparam" in self.labels else 0

    @property
    def numb_aparam(self) -> int:
        """Number of atomic parameters; 0 without `aparam.npy`."""
        return self._rows["aparam"].ncolumns // self.natoms if "aparam" in self.labels else 0

    def compositions(self, indices: np.ndarray) -> np.ndarray:
        """Return the number of atoms of each species in the frames `indices` `[n]`, int64 `[n, ntypes]`."""
        if not self.mixed:
            return np.tile(np.bincount(self.type, minlength=self.ntypes), (len(indices), 1))
        types = self._types.take(indices)
        codes = (types + self.ntypes * np.arange(len(indices))[:, None])[types >= 0]
        return np.bincount(codes, minlength=len(indices) * self.ntypes).reshape(-1, self.ntypes)

    def types(self, indices: np.ndarray) -> np.ndarray:
        """Return the types in the frames `indices` `[n]`, int32 `[n, natoms]`, negative for padding atoms."""
        return self._types.take(indices)

    def rows(self, name: str, indices: np.ndarray) -> np.ndarray:
        """Return the rows of the array `name` for the frames `indices` `[n]`, float64 `[n, ncolumns]`."""
        return self._rows[name].take(indices)

    @property
    def energy_rounding(self) -> float:
        """Rounding of energies that are stored as float32, eV per atom; 0 for float64 and without energies."""
        energies = self._rows.get("energy")
        if energies is None or not energies.single_precision:
            return 0.0
        return single_precision_rounding(energies.take(np.arange(self.nframes))[:, 0], self.frame_sizes)

    def frames(self, indices: np.ndarray | list[int] | slice | None = None) -> Batch:
        """Return the frames `indices` (all of them by default), in that order, as new float64 arrays."""
        if indices is None or isinstance(indices, slice):
            chosen = np.arange(self.nframes)[indices or slice(None)]
        else:
            chosen = np.asarray(indices)
        return self._batch(chosen, self._rows)

    def parts(self, indices: np.ndarray, labels: Collection[str] = ()) -> Iterator[tuple[np.ndarray, Batch]]:
        """Yield parts of the frames `indices` `[n]` with equal numbers of atoms: indices, and batch without padding.

        Parameters
        ----------
        indices
            The frames.
        labels
            Labels and parameters to read as well, if the system has them.
        """
        names = [name for name in self._rows if name not in self.labels or name in labels]
        size = max(1, ATOMS_AT_ONCE // self.natoms)
        for start in range(0, len(indices), size):
            chosen = indices[start : start + size]
            for places, batch in self._batch(chosen, names).without_padding():
                yield chosen[places], batch

    def geometry(self, indices: np.ndarray) -> Batch:
        """Return the frames `indices` `[n]`, in that order, without labels and parameters."""
        return self._batch(indices, self._rows.keys() - self.labels)

    def _batch(self, chosen: np.ndarray, names: Iterable[str]) -> Batch:
        types = self._types.take(chosen)
        arrays = {}
        for name in names:
            values, label = self._rows[name].take(chosen), BY_NAME[name]
            if label.per_atom and label.width != 1:
                values = values.reshape(*types.shape, label.width or self.numb_aparam)
            elif label is BOX:
                values = values.reshape(-1, 3, 3)
            arrays[name] = values[:, 0] if label is ENERGY else values
        return Batch(type=types, **arrays)

    def geometry_digest(self, digest) -> None:
        """Update `digest` (of `hashlib`) with all data on which statistics of environments depend."""
        digest.update(repr((self.nframes, self.natoms, self.periodic, self.type_map)).encode())
        if self.mixed:
            for piece in self._types.pieces():
                digest.update(np.ascontiguousarray(piece))
        else:
            digest.update(self.type)
        for name in ("coord", "box"):
            for piece in self._rows[name].pieces() if name in self._rows else ():
                digest.update(f"{name}{piece.dtype.str}{piece.shape}".encode())
                digest.update(np.ascontiguousarray(piece))
