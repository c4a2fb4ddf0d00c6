"""Loading systems in the `deepmd/npy` layout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from deepmd_tf.data.checks import check_cells, check_finite
from deepmd_tf.data.labels import BOX, COORD, OPTIONAL, Label
from deepmd_tf.data.npy import read_rows
from deepmd_tf.data.rows import Rows
from deepmd_tf.data.search import find_systems
from deepmd_tf.data.species import read_types
from deepmd_tf.data.system import System
from deepmd_tf.errors import InputError


def load_systems(paths: str | Path | Sequence[str | Path], type_map: Sequence[str]) -> list[System]:
    """Load systems and check every number in them.

    Parameters
    ----------
    paths
        Directories, or one directory that is searched recursively for `type.raw`.
    type_map
        The model's names of the species; the types of the systems are mapped onto it.
    """
    return [load_system(path, type_map) for path in find_systems(paths)]


def load_system(path: str | Path, type_map: Sequence[str]) -> System:
    """Load one directory with `type.raw` and `set.*`."""
    directory = Path(path)
    names = tuple(type_map)
    types = read_types(directory, names)
    periodic = not (directory / "nopbc").exists()
    sets = _find_sets(directory)
    present = _labels_of(sets, periodic)
    rows: dict[str, list[np.ndarray]] = {label.name: [] for label in present}
    for folder in sets:
        nframes = None
        for label in present:
            array = _read_label(folder / f"{label.name}.npy", label, len(types), nframes)
            nframes = len(array)
            rows[label.name].append(array)
    for label in present:
        _check_same_width(rows[label.name], label, sets)
    system = System(str(path), names, types, periodic, {name: Rows(arrays) for name, arrays in rows.items()})
    if system.nframes == 0:
        raise InputError(f"system {path}: expected at least one frame, got none in {len(sets)} set directories")
    return system


def check_labels(
    systems: Sequence[System], required: Collection[str] = (), numb_fparam: int = 0, numb_aparam: int = 0
) -> None:
    """Raise `InputError` naming the first system that lacks a label or a parameter of the model.

    Parameters
    ----------
    systems
        The systems of one data set.
    required
        Names of labels that every system must have: energy, force, virial, atom_ener.
    numb_fparam, numb_aparam
        Number of frame and atomic parameters that the model takes.
    """
    for system in systems:
        for name in sorted(set(required) - system.labels):
            raise InputError(f"system {system.path}: expected {name}.npy in every set.*, found none")
        for name, wanted, found in (
            ("fparam", numb_fparam, system.numb_fparam),
            ("aparam", numb_aparam, system.numb_aparam),
        ):
            if wanted and found != wanted:
                got = f"{found} per row" if found else f"no {name}.npy"
                unit = "frame" if name == "fparam" else "atom"
                raise InputError(
                    f"system {system.path}: expected {wanted} numbers per {unit} in {name}.npy because "
                    f"model.fitting_net.numb_{name} is {wanted}, got {got}"
                )


def _find_sets(directory: Path) -> list[Path]:
    sets = sorted(folder for folder in directory.glob("set.*") if folder.is_dir())
    if not sets:
        hint = ""
        if any(directory.glob("*.raw")) and (directory / "coord.raw").exists():
            hint = "; it has coord.raw: convert the .raw files to set.000/*.npy with numpy.loadtxt and numpy.save"
        raise InputError(f"system {directory}: expected directories set.000, set.001, ..., found none{hint}")
    for folder in sets:
        if (folder / "real_atom_types.npy").exists():
            raise InputError(
                f"{folder / 'real_atom_types.npy'}: frames of mixed composition (mixed type) are not supported yet; "
                "write one system per composition"
            )
    return sets


def _labels_of(sets: list[Path], periodic: bool) -> list[Label]:
    """Return what the sets hold, coordinates first; all sets must hold the same."""
    required = [COORD, BOX] if periodic else [COORD]
    for folder in sets:
        for label in required:
            if not (folder / f"{label.name}.npy").exists():
                hint = "; for a system without a cell add an empty file nopbc beside type.raw" if label is BOX else ""
                raise InputError(f"{folder}: expected {label.name}.npy, found none{hint}")
    optional = []
    for label in OPTIONAL:
        having = [folder for folder in sets if (folder / f"{label.name}.npy").exists()]
        if having and len(having) < len(sets):
            lacking = next(folder for folder in sets if folder not in having)
            raise InputError(
                f"{lacking}: expected {label.name}.npy because {having[0]} has one: sets must hold the same labels"
            )
        if having:
            optional.append(label)
    return required + optional


def _read_label(path: Path, label: Label, natoms: int, nframes: int | None) -> np.ndarray:
    """Read and check one file; `nframes` is the number of rows that it must have, once known."""
    array = read_rows(path)
    if array.ndim == 1 and (label.width == 1 or label.width is None):
        array = array[:, None] if not (label.per_atom and natoms > 1) else array
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
    check_finite(array, label, path)
    if label is BOX:
        check_cells(array, path)
    return array


def _check_same_width(arrays: list[np.ndarray], label: Label, sets: list[Path]) -> None:
    for folder, array in zip(sets, arrays, strict=True):
        if array.shape[1] != arrays[0].shape[1]:
            path, expected = folder / f"{label.name}.npy", arrays[0].shape[1]
            raise InputError(f"{path}: expected {expected} columns as in {sets[0]}, got {array.shape[1]}")
