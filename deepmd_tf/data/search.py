"""From what the user wrote under `systems` to the places of systems."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from deepmd_tf.data.hdf5 import Files, is_hdf5
from deepmd_tf.data.tree import TYPE
from deepmd_tf.data.xyz import is_xyz
from deepmd_tf.errors import InputError


def find_systems(paths: str | Path | Sequence[str | Path], files: Files) -> list[str]:
    """Return the places of all systems: directories, or groups `file.hdf5#/group`.

    One path is searched recursively for directories with `type.raw`, in sorted order. An entry of a list that has a
    `type.raw` is taken as it is; one that has none is searched. An HDF5 file, or a group of one, is searched likewise.
    """
    if isinstance(paths, (str, Path)):
        return _search(str(paths), files)
    found: list[str] = []
    for path in map(str, paths):
        found.extend([path] if os.path.exists(os.path.join(path, TYPE)) else _search(path, files))
    if not found:
        raise InputError("systems: expected at least one directory, got none")
    return found


def _search(path: str, files: Files) -> list[str]:
    if not os.path.isdir(path):
        if is_xyz(path):
            return [path]
        if is_hdf5(path):
            return files.systems(path)
        kind = "got a file" if Path(path).exists() else "no such directory"
        raise InputError(
            f"system {path}: expected a directory, an HDF5 file (.hdf5, .h5) or an extended XYZ file (.xyz, "
            f".extxyz), {kind} (relative paths start at the current directory, {Path.cwd()})"
        )
    found = sorted(root for root, _, names in os.walk(path, followlinks=True) if TYPE in names)
    if not found:
        raise InputError(f"system {path}: expected a file {TYPE} in it or in a directory below it, found none")
    return found
