"""Search for the systems under the paths of the key `systems`."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from deepmd_tf.data.hdf5 import Files, is_hdf5
from deepmd_tf.data.tree import TYPE
from deepmd_tf.data.xyz import is_xyz
from deepmd_tf.errors import InputError

log = logging.getLogger(__name__)


def find_systems(paths: str | Path | Sequence[str | Path], files: Files) -> list[str]:
    """Return the addresses of all systems: directories, or groups `file.hdf5#/group`.

    A single path is searched recursively for directories with `type.raw`; the result is sorted. An entry of a list with
    a `type.raw` is a system; other entries are searched. HDF5 files and their groups are searched in the same way. A
    search visits each directory once, even if several links lead to it. Entries of a list may repeat a system.
    """
    if isinstance(paths, (str, Path)):
        return _search(str(paths), files)
    found: list[str] = []
    for path in map(str, paths):
        found.extend([path] if os.path.exists(os.path.join(path, TYPE)) else _search(path, files))
    if not found:
        raise InputError("systems: expected at least one directory, got none")
    _warn_of_repeated(found)
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
    found = sorted(_below(path))
    if not found:
        raise InputError(f"system {path}: expected a file {TYPE} in it or in a directory below it, found none")
    return found


def _below(path: str) -> list[str]:
    """Return the directories with `type.raw` at and below `path`, each once.

    Links are followed after all other directories, so that a directory inside `path` is found under its own name.
    """
    found, seen, starts = [], set(), [path]
    for start in starts:
        for root, folders, names in os.walk(start, onerror=_warn_of_unreadable):
            identity = _identity(root)
            if identity in seen:
                folders.clear()
                continue
            seen.add(identity)
            folders.sort()
            starts.extend(each for each in (os.path.join(root, name) for name in folders) if os.path.islink(each))
            if TYPE in names:
                found.append(root)
    return found


def _warn_of_unreadable(error: OSError) -> None:
    log.warning("%s: cannot be searched for systems: %s", error.filename, error.strerror)


def _identity(path: str) -> tuple[int, int]:
    """Return the identity of the target of a path, equal for all its names."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _warn_of_repeated(found: Sequence[str]) -> None:
    """Warn if a system is listed more than once, under any name."""
    first: dict[tuple, int] = {}
    again = []
    for number, place in enumerate(found):
        name, _, group = (place, "", "") if os.path.exists(place) else place.partition("#")
        with contextlib.suppress(OSError):  # the reader reports paths that cannot be opened
            known = first.setdefault((*_identity(name), group.strip("/")), number)
            if known != number:
                again.append((place, found[known]))
    if again:
        place, known = again[0]
        named = "" if place == known else f" (as {known})"
        more = f"; {len(again) - 1} more such systems" if len(again) > 1 else ""
        log.warning("systems: %s is listed more than once%s, so its frames count more than once%s", place, named, more)
