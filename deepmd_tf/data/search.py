"""From what the user wrote under `systems` to directories."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from deepmd_tf.errors import InputError


def find_systems(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """Return the directories of all systems.

    One path is searched recursively for directories with `type.raw`, in sorted order. An entry of a list that has a
    `type.raw` is taken as it is; one that has none is searched.
    """
    if isinstance(paths, (str, Path)):
        return _search(str(paths))
    found: list[str] = []
    for path in map(str, paths):
        found.extend([path] if (Path(path) / "type.raw").exists() else _search(path))
    if not found:
        raise InputError("systems: expected at least one directory, got none")
    return found


def _search(path: str) -> list[str]:
    if not Path(path).is_dir():
        if "#" in path or path.endswith((".hdf5", ".h5")):
            raise InputError(f"system {path}: data in HDF5 files are not supported yet; give a directory with type.raw")
        kind = "got a file" if Path(path).exists() else "no such directory"
        raise InputError(
            f"system {path}: expected a directory, {kind} (relative paths start at the current directory, {Path.cwd()})"
        )
    found = sorted(root for root, _, files in os.walk(path, followlinks=True) if "type.raw" in files)
    if not found:
        raise InputError(f"system {path}: expected a file type.raw in it or in a directory below it, found none")
    return found
