"""Readers of systems: the `deepmd/npy` layout in directories and HDF5 files, and extended XYZ files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import numpy as np

from deepmd_tf.config.xyz_keys import XyzKeysConfig
from deepmd_tf.data.checks import check_cells, check_finite
from deepmd_tf.data.hdf5 import Files, Group, is_hdf5
from deepmd_tf.data.labels import BOX, COORD, OPTIONAL, Label
from deepmd_tf.data.memory import Memory
from deepmd_tf.data.npy import StoredRows
from deepmd_tf.data.rows import Rows
from deepmd_tf.data.search import find_systems
from deepmd_tf.data.species import FixedTypes, FrameTypes, check_frame_types, read_integers, read_names, read_types
from deepmd_tf.data.system import System
from deepmd_tf.data.tree import Directory, Tree
from deepmd_tf.data.xyz import is_xyz, read_xyz
from deepmd_tf.errors import InputError, noting_problems

FRAME_TYPES = "real_atom_types.npy"
"""Types of the atoms of every frame, in systems of mixed type."""

_MANY, _THREADS = 1000, 4


def load_systems(
    paths: str | Path | Sequence[str | Path],
    type_map: Sequence[str],
    xyz_keys: XyzKeysConfig | None = None,
    memory: Memory | None = None,
) -> list[System]:
    """Load systems and check all their numbers.

    Parameters
    ----------
    paths
        Directories, HDF5 files with or without `#/group`, extended XYZ files, or one such path. Paths without
        `type.raw` are searched recursively for systems.
    type_map
        Names of the species of the model; the types of the systems are converted to its indices.
    xyz_keys
        Names of the labels in extended XYZ files.
    memory
        Limits on memory and mapped files; by default those of `Memory` for one data set.

    Notes
    -----
    With `errors.collecting_problems`, all problems are recorded, and systems with problems are omitted.
    """
    memory, names, context = memory or Memory(), tuple(type_map), copy_context()
    with Files() as files:

        def load(path: str) -> list[System]:
            with noting_problems():
                return read_xyz(path, names, xyz_keys) if is_xyz(path) else [_load(path, names, files, memory)]
            return []

        found = find_systems(paths, files)
        if len(found) < _MANY:
            return [system for path in found for system in load(path)]
        with ThreadPoolExecutor(_THREADS) as pool:  # threads overlap waiting for files with work
            loaded = pool.map(lambda path: context.copy().run(load, path), found)
            return [system for systems in loaded for system in systems]


def load_system(path: str | Path, type_map: Sequence[str]) -> System:
    """Load a directory with `type.raw` and `set.*`, or a group `file.hdf5#/group` with the same layout."""
    with Files() as files:
        return _load(str(path), tuple(type_map), files, Memory())


def _load(path: str, type_map: tuple[str, ...], files: Files, memory: Memory) -> System:
    tree = Group(path, files) if is_hdf5(path) and not Path(path).is_dir() else Directory(path)
    sets = _find_sets(tree)
    names = read_names(tree, type_map)
    mixed = _are_mixed(tree, sets)
    if mixed:
        if names is None:
            raise InputError(
                f"{tree.place('type_map.raw')}: expected the names that {FRAME_TYPES} refers to, found none"
            )
        natoms = len(read_integers(tree))
    else:
        types = FixedTypes(read_types(tree, type_map, names))
        natoms = types.natoms
    periodic = not tree.has("nopbc")
    present = _labels_of(tree, sets, periodic)
    rows: dict[str, list[np.ndarray]] = {label.name: [] for label in present}
    read: list[tuple[np.ndarray | StoredRows, Label, str]] = []
    for folder in sets:
        nframes = None
        for label in present:
            with noting_problems():
                array = _read_label(tree, f"{folder}/{label.name}.npy", label, natoms, nframes, memory)
                nframes = len(array)
                rows[label.name].append(array)
                read.append((array, label, folder))
    for array, label, folder in read:
        _check_numbers(array, label, tree.place(f"{folder}/{label.name}.npy"))
    if len(read) < len(sets) * len(present):
        raise InputError(f"system {path}: parts cannot be read; checks that need the whole system omit it")
    for label in present:
        _check_same_width(tree, rows[label.name], label, sets)
    if mixed:
        lengths = [len(array) for array in rows["coord"]]
        frame_types = _read_frame_types(tree, sets, natoms, lengths, memory)
        for folder, array in zip(sets, frame_types, strict=True):
            check_frame_types(array, tree.place(f"{folder}/{FRAME_TYPES}"), names)
        types = FrameTypes(Rows(frame_types), names.table)
    system = System(path, type_map, types, periodic, {name: Rows(arrays) for name, arrays in rows.items()})
    if system.nframes == 0:
        raise InputError(f"system {path}: expected at least one frame, got none in {len(sets)} set directories")
    return system


def check_labels(
    systems: Sequence[System], required: Collection[str] = (), numb_fparam: int = 0, numb_aparam: int = 0
) -> None:
    """Raise `InputError` naming the first system without a label or a parameter of the model.

    Parameters
    ----------
    systems
        The systems of one data set.
    required
        Names of the labels that each system must have: energy, force, virial, atom_ener.
    numb_fparam, numb_aparam
        Numbers of frame and atomic parameters of the model.
    """
    for system in systems:
        for name in sorted(set(required) - system.labels):
            raise InputError(f"system {system.path}: expected {system.place_of(name)}, found none")
        for name, wanted, found in (
            ("fparam", numb_fparam, system.numb_fparam),
            ("aparam", numb_aparam, system.numb_aparam),
        ):
            if wanted and found != wanted:
                got = f"{found} per row" if found else f"no {system.place_of(name)}"
                unit = "frame" if name == "fparam" else "atom"
                raise InputError(
                    f"system {system.path}: expected {wanted} numbers per {unit} in {system.place_of(name)} because "
                    f"model.fitting_net.numb_{name} is {wanted}, got {got}"
                )


def _find_sets(tree: Tree) -> list[str]:
    sets = tree.sets()
    if not sets:
        hint = ""
        if tree.has("coord.raw"):
            hint = "; it has coord.raw: convert the .raw files to set.000/*.npy with numpy.loadtxt and numpy.save"
        raise InputError(f"system {tree.path}: expected directories set.000, set.001, ..., found none{hint}")
    return sets


def _are_mixed(tree: Tree, sets: list[str]) -> bool:
    """Return whether each frame has its own composition."""
    having = [folder for folder in sets if tree.has(f"{folder}/{FRAME_TYPES}")]
    if having and len(having) < len(sets):
        lacking = next(folder for folder in sets if folder not in having)
        raise InputError(
            f"{tree.place(lacking)}: expected {FRAME_TYPES} because {tree.place(having[0])} has one: either all sets "
            "of a system have this file, or none"
        )
    return bool(having)


def _read_frame_types(
    tree: Tree, sets: list[str], natoms: int, lengths: list[int], memory: Memory
) -> list[np.ndarray | StoredRows]:
    arrays = []
    for folder, nframes in zip(sets, lengths, strict=True):
        name = f"{folder}/{FRAME_TYPES}"
        array = tree.rows(name, memory, integers=True)
        if array.shape != (nframes, natoms):
            raise InputError(
                f"{tree.place(name)}: expected shape {(nframes, natoms)}, a row for each frame of coord.npy and a type "
                f"for each of the atoms of type.raw, got {array.shape}"
            )
        arrays.append(array)
    return arrays


def _labels_of(tree: Tree, sets: list[str], periodic: bool) -> list[Label]:
    """Return the arrays of the sets, coordinates first; all sets must have the same arrays."""
    required = [COORD, BOX] if periodic else [COORD]
    for folder in sets:
        for label in required:
            if not tree.has(f"{folder}/{label.name}.npy"):
                hint = "; for a system without a cell add an empty file nopbc beside type.raw" if label is BOX else ""
                raise InputError(f"{tree.place(folder)}: expected {label.name}.npy, found none{hint}")
    optional = []
    for label in OPTIONAL:
        having = [folder for folder in sets if tree.has(f"{folder}/{label.name}.npy")]
        if having and len(having) < len(sets):
            lacking = next(folder for folder in sets if folder not in having)
            raise InputError(
                f"{tree.place(lacking)}: expected {label.name}.npy because {tree.place(having[0])} has one: all "
                "sets must have the same labels"
            )
        if having:
            optional.append(label)
    return required + optional


def _read_label(
    tree: Tree, name: str, label: Label, natoms: int, nframes: int | None, memory: Memory
) -> np.ndarray | StoredRows:
    """Read and check one file; `nframes` is the expected number of rows, if it is known."""
    array, path = tree.rows(name, memory), tree.place(name)
    if array.ndim == 1 and (label.width == 1 or label.width is None) and not (label.per_atom and natoms > 1):
        array = array[:, None] if isinstance(array, np.ndarray) else array.column()
    columns = label.columns(natoms)
    fits = array.ndim == 2 and (columns is None or array.shape[1] == columns)
    if fits and columns is None:
        fits = array.shape[1] > 0 and (not label.per_atom or array.shape[1] % natoms == 0)
    if not fits:
        raise InputError(f"{path}: expected shape {label.expected(natoms)}, got {array.shape}")
    if nframes is not None and len(array) != nframes:
        raise InputError(f"{path}: expected {nframes} rows, one per frame of coord.npy, got {len(array)}")
    if len(array) == 0:
        raise InputError(f"{path}: expected at least one frame, got an empty array of shape {array.shape}")
    return array


def _check_numbers(array: np.ndarray | StoredRows, label: Label, path: str) -> None:
    check_finite(array, label, path)
    if label is BOX:
        check_cells(array[:], path)


def _check_same_width(tree: Tree, arrays: list[np.ndarray], label: Label, sets: list[str]) -> None:
    for folder, array in zip(sets, arrays, strict=True):
        if array.shape[1] != arrays[0].shape[1]:
            path, expected = tree.place(f"{folder}/{label.name}.npy"), arrays[0].shape[1]
            raise InputError(f"{path}: expected {expected} columns as in {tree.place(sets[0])}, got {array.shape[1]}")
