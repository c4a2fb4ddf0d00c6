"""Reader of extended XYZ files, based on ASE."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from deepmd_tf.config.suggest import did_you_mean
from deepmd_tf.config.xyz_keys import XyzKeysConfig
from deepmd_tf.data.checks import FLATNESS
from deepmd_tf.data.labels import BY_NAME, OPTIONAL
from deepmd_tf.data.rows import RaggedRows, Rows
from deepmd_tf.data.species import PADDING, FixedTypes, FrameTypes
from deepmd_tf.data.system import System
from deepmd_tf.errors import InputError

log = logging.getLogger(__name__)

SUFFIXES = (".xyz", ".extxyz")
_MAX_ENDS = 100
_MAX_DIGITS = 4
_WIDE = re.compile(rf":\s*\w+\s*:\s*\+?[0_]*([1-9][\d_]{{{_MAX_DIGITS},}})")
"""Pattern of a column in Properties with an implausible number of components."""
_VOIGT = [0, 5, 4, 5, 1, 3, 4, 3, 2]
_AGREEMENT = 1e-3
"""Largest relative difference between consistent virial and stress; files have few digits."""


class _Frame(NamedTuple):
    """Frame: index in the file, periodicity, and arrays by the names of labels."""

    number: int
    periodic: bool
    arrays: dict[str, np.ndarray]

    @property
    def kind(self) -> tuple[bool, frozenset[str]]:
        """Boundary conditions and names of arrays; frames of one system have the same kind."""
        return self.periodic, frozenset(self.arrays)


class _Lines(io.TextIOWrapper):
    """A text file whose header is checked before ASE reads it.

    It raises an error for a frame with more atoms than lines, which ASE would read beyond the end of the file, and for
    an implausible number of columns.
    """

    _ended = 0

    def readline(self, *size: int) -> str:
        """Read a line; return an empty string at the end of the file."""
        line = super().readline(*size)
        self._ended = 0 if line else self._ended + 1
        if self._ended > _MAX_ENDS:
            raise EOFError("it declares more atoms than there are lines")
        if "roperties" in line and (wide := _WIDE.search(line)):
            raise ValueError(f"it declares {wide[1][:20]} columns; the maximum is {10**_MAX_DIGITS - 1}")
        return line


def is_xyz(path: str) -> bool:
    """Return whether a path in `systems` is an extended XYZ file."""
    return path.endswith(SUFFIXES) and not os.path.isdir(path)


def read_xyz(path: str, type_map: tuple[str, ...], keys: XyzKeysConfig | None = None) -> list[System]:
    """Read all frames of a file into memory.

    Parameters
    ----------
    path
        The file.
    type_map
        Names of the species of the model.
    keys
        Names of the labels in the file.

    Returns
    -------
    list of System
        One system for each combination of labels and boundary conditions; its path names the combination.
    """
    keys = keys or XyzKeysConfig()
    found: Counter[str] = Counter()
    with contextlib.closing(_images(path)) as images:
        frames = [_frame(atoms, number, path, type_map, keys, found) for number, atoms in enumerate(images)]
    if not frames:
        raise InputError(f"{path}: expected at least one frame, got an empty file")
    _report(path, frames, keys, found)
    kinds = list(dict.fromkeys(frame.kind for frame in frames))
    return [
        _system(path, type_map, [frame for frame in frames if frame.kind == kind], len(kinds), _places(keys))
        for kind in kinds
    ]


def _places(keys: XyzKeysConfig) -> dict[str, str]:
    """Return the key of each label, for messages."""
    places = {}
    for label in OPTIONAL:
        given = [getattr(keys, label.name), keys.stress if label.name == "virial" else None]
        named = " or ".join(f"'{key}'" for key in given if key)
        places[label.name] = f"{label.name} ({f'key {named}' if named else f'no key in xyz_keys.{label.name}'})"
    return places


def _images(path: str) -> Iterator:
    """Yield the frames of a file as `ase.Atoms`."""
    from ase.io.extxyz import read_xyz as read

    number = 0
    try:
        with _Lines(open(path, "rb"), encoding="utf-8") as file:
            for number, atoms in zip(itertools.count(1), read(file, slice(None)), strict=False):  # noqa: B007
                yield atoms
    except FileNotFoundError:
        raise InputError(
            f"system {path}: no such file (relative paths start at the current directory, {os.getcwd()})"
        ) from None
    except InputError:
        raise
    except Exception as error:  # ASE checks little, so a damaged file may raise any exception
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{path}: frame {number} (counted from 0) cannot be read as extended XYZ: {reason}") from None


def _frame(atoms, number: int, path: str, type_map: tuple[str, ...], keys: XyzKeysConfig, found: Counter) -> _Frame:
    place = f"{path}: frame {number} (counted from 0)"
    if not len(atoms):
        raise InputError(f"{place}: expected at least one atom, got none")
    if atoms.pbc.any() and not atoms.pbc.all():
        raise InputError(
            f"{place}: periodic along {' and '.join(np.array(list('xyz'))[atoms.pbc])} only; training frames must "
            'be periodic along all cell vectors or along none: use a cell with vacuum and pbc="T T T"'
        )
    results = {} if atoms.calc is None else atoms.calc.results
    given = {**atoms.arrays, **atoms.info, **results}
    found.update(given.keys() - {"numbers", "positions"})
    periodic = bool(atoms.pbc.all())
    arrays = {"coord": atoms.positions, "type": _types(atoms, place, type_map)}
    if periodic:
        arrays["box"] = np.array(atoms.cell).reshape(1, 9)
        if not abs(np.linalg.det(atoms.cell)) > FLATNESS * atoms.cell.lengths().prod():
            raise InputError(
                f"{place}: expected cell vectors that span a volume, got {np.array(atoms.cell).tolist()}; for a frame "
                'without a cell write pbc="F F F"'
            )
    for label in OPTIONAL:
        key = getattr(keys, label.name)
        if key in given:
            arrays[label.name] = _numbers(given[key], label.per_atom, label.width, len(atoms), f"{place}: {key}")
    if keys.stress in given and periodic:
        virial = -_matrix(given[keys.stress], f"{place}: {keys.stress}") * atoms.get_volume()
        _check_virial(arrays.setdefault("virial", virial), virial, place, keys)
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            where = f", atom {row}" if BY_NAME[name].per_atom else ""
            raise InputError(f"{place}{where}: {name}: expected finite numbers, got {values[row].tolist()}")
    return _Frame(number, periodic, arrays)


def _types(atoms, place: str, type_map: tuple[str, ...]) -> np.ndarray:
    """Return the index of each atom in the model's type map, int32 `[natoms, 1]`."""
    names = atoms.get_chemical_symbols()
    index = {name: number for number, name in enumerate(type_map)}
    for atom, name in enumerate(names):
        if name not in index:
            raise InputError(
                f"{place}: '{name}' (atom {atom}) is not in the model's type_map {list(type_map)}"
                f"{did_you_mean(name, type_map)}; add it to model.type_map"
            )
    return np.array([index[name] for name in names], dtype=np.int32)[:, None]


def _numbers(values, per_atom: bool, width: int | None, natoms: int, place: str) -> np.ndarray:
    """Return numbers as `[natoms, width]` or `[1, width]`, float64."""
    if width == 9:
        return _matrix(values, place)
    rows = natoms if per_atom else 1
    try:
        array = _floats(values).reshape(rows, width or -1)
    except (TypeError, ValueError):
        expected = f"{width or 'k'} numbers for each of {natoms} atoms" if per_atom else f"{width or 'k'} numbers"
        raise InputError(f"{place}: expected {expected}, got {_shown(values)}") from None
    return array


def _floats(values) -> np.ndarray:
    """Return numbers as float64; raise `TypeError` for booleans, as which ASE reads T and F."""
    if np.asarray(values).dtype == bool:
        raise TypeError
    return np.asarray(values, dtype=np.float64)


def _matrix(values, place: str) -> np.ndarray:
    """Return a symmetric matrix `[1, 9]` from nine numbers or from xx, yy, zz, yz, xz, xy."""
    try:
        array = _floats(values).ravel()
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.size not in (6, 9):
        raise InputError(f"{place}: expected nine numbers, or six (xx yy zz yz xz xy), got {_shown(values)}")
    return (array if array.size == 9 else array[_VOIGT])[None, :]


def _shown(values) -> str:
    return str(values).replace("\n", " ")[:60]


def _check_virial(virial: np.ndarray, of_stress: np.ndarray, place: str, keys: XyzKeysConfig) -> None:
    if np.abs(virial - of_stress).max() > _AGREEMENT * max(np.abs(virial).max(), np.abs(of_stress).max()):
        raise InputError(
            f"{place}: {keys.virial} and {keys.stress} contradict each other: the virial is {_shown(virial[0])}, "
            f"-stress * volume is {_shown(of_stress[0])}; set the key of the wrong one to null in xyz_keys"
        )


def _report(path: str, frames: list[_Frame], keys: XyzKeysConfig, found: Counter) -> None:
    """Log the labels and their keys; raise `InputError` for a key of the input file that no frame has."""
    defaults = XyzKeysConfig()
    there = ", ".join(sorted(found)) or "none"
    for field in dataclasses.fields(keys):
        key = getattr(keys, field.name)
        if key is not None and not found[key] and key != getattr(defaults, field.name):
            raise InputError(
                f"{path}: xyz_keys.{field.name}: no frame has '{key}'{did_you_mean(key, found)}; keys that "
                f"frames have: {there}"
            )
    for name in ("energy", "force", "virial"):
        having = sum(name in frame.arrays for frame in frames)
        key = " or ".join(repr(k) for k in (getattr(keys, name), keys.stress if name == "virial" else None) if k)
        if having == 0 and name != "virial":
            log.warning(
                "%s: no frame has %s under the key %s; keys that frames have: %s. To use one of them, set xyz_keys.%s",
                *(path, name, key or "null", there, name),
            )
        elif having:
            log.info("%s: %s of %d of %d frames, key %s", path, name, having, len(frames), key)


def _system(path: str, type_map: tuple[str, ...], frames: list[_Frame], nkinds: int, places: dict[str, str]) -> System:
    """Return a system of frames with the same labels."""
    splits = np.cumsum([0, *(len(frame.arrays["coord"]) for frame in frames)])
    first = frames[0].arrays
    same = all(np.array_equal(frame.arrays["type"], first["type"]) for frame in frames)
    rows: dict[str, Rows | RaggedRows] = {}
    for name in first:
        if len({frame.arrays[name].shape[1] for frame in frames}) > 1:
            raise InputError(f"{path}: {name}: expected the same number of values in every frame, got different ones")
        flat = np.concatenate([frame.arrays[name] for frame in frames])
        if name == "type":
            types = RaggedRows(flat, splits, fill=PADDING)
        elif BY_NAME[name].per_atom and not same:
            rows[name] = RaggedRows(flat, splits)
        else:
            rows[name] = Rows([flat.reshape(len(frames), -1)])
    shown = path
    if nkinds > 1:
        labels = " ".join(sorted(name for name in rows if name not in ("coord", "box"))) or "no labels"
        shown = f"{path} ({'periodic' if frames[0].periodic else 'open'} frames with {labels})"
    species = FixedTypes(first["type"][:, 0]) if same else FrameTypes(types, np.arange(len(type_map)))
    return System(shown, type_map, species, frames[0].periodic, rows, places)
