"""`DeepPot`: energies, forces and virials from a frozen graph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.infer.cells import isolating_cell
from deepmd_tf.infer.runner import GraphRunner

_ENERGY = ("o_energy", "o_force", "o_virial")
_ATOMIC = (*_ENERGY, "o_atom_energy", "o_atom_virial")
_DEFAULT_BATCH_ATOMS = 1024


class _Input(NamedTuple):
    """Checked frames of one composition: coord [nf, n, 3], cells [nf, 3, 3] or None, types [n], extras [nf, width]."""

    coord: np.ndarray
    cells: np.ndarray | None
    types: np.ndarray
    fparam: np.ndarray | None
    aparam: np.ndarray | None


class DeepPot:
    """A potential in a frozen graph, written by this package or by DeePMD-kit.

    Parameters
    ----------
    model_file : str or Path
        The ``.pb`` file.
    batch_atoms : int, optional
        Frames are evaluated together up to this many atoms, which bounds memory; by default the environment variable
        ``DP_INFER_BATCH_SIZE``, else 1024.

    Raises
    ------
    InputError
        When the file is no graph of an energy model, or holds operations outside the allow-list.

    Examples
    --------
    >>> potential = DeepPot("graph.pb")
    >>> energy, force, virial = potential.eval(coords, cells, atom_types)
    """

    def __init__(self, model_file: str | Path, batch_atoms: int | None = None):
        self._runner = GraphRunner(model_file)
        self._batch_atoms = int(batch_atoms or os.environ.get("DP_INFER_BATCH_SIZE", _DEFAULT_BATCH_ATOMS))
        self._rcut = float(self._runner.constant("descrpt_attr/rcut"))
        self._type_map = self._runner.text("model_attr/tmap").split()
        self._numb_fparam = int(self._runner.constants.get("fitting_attr/dfparam", 0))
        self._numb_aparam = int(self._runner.constants.get("fitting_attr/daparam", 0))

    def get_rcut(self) -> float:
        """Cutoff (Å)."""
        return self._rcut

    def get_ntypes(self) -> int:
        """Number of types."""
        return len(self._type_map)

    def get_type_map(self) -> list[str]:
        """Names of the types, in the order of their indices."""
        return list(self._type_map)

    def get_dim_fparam(self) -> int:
        """Number of frame parameters."""
        return self._numb_fparam

    def get_dim_aparam(self) -> int:
        """Number of atomic parameters."""
        return self._numb_aparam

    def get_sel(self) -> list[int]:
        """Slots for neighbours of each type."""
        return [int(n) for n in self._runner.constant("descrpt_attr/sel")]

    def eval(self, coords, cells, atom_types, fparam=None, aparam=None, atomic: bool = False, *, pbc=None) -> tuple:
        """Energies, forces and virials.

        Parameters
        ----------
        coords : array_like
            Å ``[nframes, natoms * 3]`` or ``[nframes, natoms, 3]``.
        cells : array_like or None
            Cell vectors in rows (Å) ``[nframes, 9]`` or ``[nframes, 3, 3]``; None for open boundaries.
        atom_types : array_like
            int ``[natoms]``, or ``[nframes, natoms]`` when compositions differ.
        fparam, aparam : array_like, optional
            Frame parameters ``[nframes, width]`` and atomic parameters ``[nframes, natoms * width]``; one frame's or
            one atom's worth is used for all.
        atomic : bool
            Also return atomic energies and virials.
        pbc : sequence of bool, optional
            Which axes are periodic; all, when there are cells.

        Returns
        -------
        tuple of ndarray
            Energy (eV) ``[nframes, 1]``, force (eV/Å) ``[nframes, natoms, 3]``, virial (eV) ``[nframes, 9]``, and when
            `atomic` the energy ``[nframes, natoms, 1]`` and virial ``[nframes, natoms, 9]`` of each atom.

        Raises
        ------
        InputError
            When shapes do not fit, numbers are not finite, a cell has no volume or a type is unknown.
        """
        if isinstance(fparam, bool):
            raise InputError("eval: fparam is a bool; write atomic=True to ask for atomic energies and virials")
        return self._eval(_ATOMIC if atomic else _ENERGY, coords, cells, atom_types, fparam, aparam, pbc)

    def eval_descriptor(self, coords, cells, atom_types, fparam=None, aparam=None, *, pbc=None) -> np.ndarray:
        """Descriptors ``[nframes, natoms, width]``; arguments as in `eval`."""
        return self._eval(("o_descriptor",), coords, cells, atom_types, fparam, aparam, pbc)[0]

    def eval_typeebd(self) -> np.ndarray:
        """The type embedding ``[ntypes, width]``."""
        return self._runner.run_only("t_typeebd")

    def _eval(self, outputs, coords, cells, atom_types, fparam, aparam, pbc) -> tuple:
        types = np.asarray(atom_types)
        if types.ndim == 2 and (types != types[0]).any():
            frames = [
                self._eval(outputs, *(_row(part, k) for part in (coords, cells, types, fparam, aparam)), pbc)
                for k in range(len(types))
            ]
            return tuple(np.concatenate(parts) for parts in zip(*frames, strict=True))
        given = self._checked(coords, cells, types, fparam, aparam)
        if pbc is not None and given.cells is not None and not all(pbc):
            given = self._with_boundaries(given, tuple(bool(p) for p in pbc))
        nframes, natoms = given.coord.shape[:2]
        order = np.argsort(given.types, kind="stable")
        size = max(1, self._batch_atoms // natoms)
        parts = [self._run(outputs, given, slice(k, k + size), order) for k in range(0, max(nframes, 1), size)]
        back = np.argsort(order)
        return tuple(
            _to_atoms(name, np.concatenate(part), nframes, natoms, back)
            for name, part in zip(outputs, zip(*parts, strict=True), strict=True)
        )

    def _with_boundaries(self, given: _Input, pbc: tuple[bool, ...]) -> _Input:
        if not any(pbc):
            return given._replace(cells=None)
        cells = [
            isolating_cell(coord, cell, pbc, self._rcut) for coord, cell in zip(given.coord, given.cells, strict=True)
        ]
        return given._replace(cells=np.stack(cells))

    def _run(self, outputs, given: _Input, frames: slice, order: np.ndarray) -> list[np.ndarray]:
        """Evaluate some frames with atoms sorted by type, as graphs of the field expect."""
        coord = given.coord[frames][:, order]
        nframes, natoms = coord.shape[:2]
        counts = np.bincount(given.types, minlength=self.get_ntypes())
        periodic = given.cells is not None
        cells = given.cells[frames] if periodic else np.tile(np.eye(3), (nframes, 1, 1))
        feeds = {
            "t_coord": coord.reshape(-1),
            "t_type": np.tile(given.types[order], nframes).astype(np.int32),
            "t_natoms": np.array([natoms, natoms, *counts], np.int32),
            "t_box": cells.reshape(-1),
            "t_mesh": np.zeros(6 if periodic else 0, np.int32),
        }
        if given.fparam is not None:
            feeds["t_fparam"] = given.fparam[frames].reshape(-1)
        if given.aparam is not None:
            feeds["t_aparam"] = given.aparam[frames][:, order].reshape(-1)
        return [result.reshape(nframes, -1) for result in self._runner.run(outputs, feeds)]

    def _checked(self, coords, cells, types, fparam, aparam) -> _Input:
        types = types[0] if types.ndim == 2 else types
        if types.ndim != 1 or types.size == 0 or not np.issubdtype(types.dtype, np.integer):
            raise InputError(f"atom_types: expected integers [natoms], got {types.dtype} of shape {types.shape}")
        outside = np.flatnonzero((types < 0) | (types >= self.get_ntypes()))
        if outside.size:
            raise InputError(
                f"atom_types: atom {outside[0]} has type {types[outside[0]]}, the model knows types 0 to "
                f"{self.get_ntypes() - 1} ({' '.join(self._type_map)})"
            )
        coord = _frames_of("coords", coords, (types.size, 3))
        if cells is not None:
            cells = _frames_of("cells", cells, (3, 3))
            if len(cells) != len(coord):
                raise InputError(f"cells: expected {len(coord)} frames as in coords, got {len(cells)}")
            volumes = np.abs(np.linalg.det(cells))
            flat = np.flatnonzero(volumes < 1e-8)
            if flat.size:
                raise InputError(
                    f"cells: frame {flat[0]} has no volume (cell {cells[flat[0]].tolist()}); None means open"
                )
        return _Input(
            coord,
            cells,
            types.astype(np.int64),
            _parameters("fparam", fparam, len(coord), 1, self._numb_fparam, "[nframes, width]"),
            _parameters("aparam", aparam, len(coord), types.size, self._numb_aparam, "[nframes, natoms * width]"),
        )


def _row(part, k: int):
    return None if part is None else np.asarray(part)[k : k + 1]


def _frames_of(name: str, values, shape: tuple[int, int]) -> np.ndarray:
    """Bring an array into ``[nframes, *shape]``, float64, finite."""
    try:
        array = np.asarray(values, dtype=np.float64)
        array = array.reshape(-1, *shape)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{name}: expected [nframes, {shape[0] * shape[1]}] numbers, got shape {np.shape(values)}"
        ) from error
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        frame, row = bad[0][:2]
        what = "atom" if name == "coords" else "vector"
        raise InputError(f"{name}: frame {frame}, {what} {row}: {array[frame, row].tolist()} is not finite")
    return array


def _parameters(name: str, values, nframes: int, rows: int, width: int, layout: str) -> np.ndarray | None:
    """Bring frame or atomic parameters into ``[nframes, rows, width]``."""
    if width == 0:
        if values is not None:
            raise InputError(f"{name}: given, but the model takes none")
        return None
    if values is None:
        raise InputError(f"{name}: the model needs {width} per {'atom' if name == 'aparam' else 'frame'}, as {layout}")
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"{name}: not all values are finite")
    for shape in ((nframes, rows, width), (1, rows, width), (1, 1, width)):
        if array.size == np.prod(shape):
            return np.broadcast_to(array.reshape(shape), (nframes, rows, width))
    raise InputError(f"{name}: expected {layout} with width {width}, got shape {array.shape}")


def _to_atoms(name: str, values: np.ndarray, nframes: int, natoms: int, back: np.ndarray) -> np.ndarray:
    """Shape an output and put its atoms back into the caller's order."""
    if name in ("o_energy", "o_virial"):
        return values
    return values.reshape(nframes, natoms, -1)[:, back]
