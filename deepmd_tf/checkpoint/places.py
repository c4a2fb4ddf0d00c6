"""Names of checkpoints: find, replace and remove them.

Only directories that contain nothing but the files of a checkpoint are ever removed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from pathlib import Path

from deepmd_tf.errors import InputError
from deepmd_tf.files import sync_directory

log = logging.getLogger("deepmd_tf")

POINTER = "checkpoint"
MANIFEST = "manifest.json"
CONFIG = "config.json"
STATE = "state"
BEST = "best"
_STATE_FILES = tuple(f"{STATE}{rest}" for rest in (".index", ".data-", "_temp"))
"""Prefixes of the names of the files that TensorFlow writes; the last one is temporary."""

PARTIAL, OLD = ".partial", ".old"


def hidden_path(path: Path, suffix: str) -> Path:
    """Return the hidden path of a checkpoint that is being written (`PARTIAL`) or replaced (`OLD`)."""
    return path.with_name(f".{path.name}{suffix}")


def is_checkpoint(path: Path) -> bool:
    """Return True if a directory contains only files of a checkpoint, even if some of them are missing."""
    if path.is_symlink() or not path.is_dir():
        return False
    return all(file.name in (MANIFEST, CONFIG) or file.name.startswith(_STATE_FILES) for file in path.iterdir())


def require_absent(target: Path, key: str) -> None:
    """Raise `InputError` if the path of a new checkpoint exists; the message begins with `key`."""
    if target.name in ("", "..") or os.path.lexists(target) or locate(target) is not None:
        raise InputError(f"{key}: {target} already exists; give a new directory, or remove this one first")


def recover_saves(prefix: Path) -> None:
    """Clean up after saves that were killed: remove partial directories, rename a replaced one back."""
    pattern = re.compile(rf"\.({re.escape(prefix.name)}-\w+)({re.escape(PARTIAL)}|{re.escape(OLD)})")
    for path in list(prefix.parent.iterdir()):
        match = pattern.fullmatch(path.name)
        if match is None or not is_checkpoint(path):
            continue
        owner = path.with_name(match[1])
        if match[2] == OLD and not owner.exists():
            os.rename(path, owner)
        else:
            shutil.rmtree(path)


def discard_partial(target: Path) -> None:
    """Remove the partially written directory of the checkpoint `target`."""
    if is_checkpoint(partial := hidden_path(target, PARTIAL)):
        shutil.rmtree(partial)


def replace_directory(source: Path, target: Path) -> None:
    """Rename `source` to `target`. An existing target is removed if it is a checkpoint, and renamed otherwise."""
    backup = hidden_path(target, OLD)
    if os.path.lexists(target):
        if not is_checkpoint(target):
            backup = free_name(target)
            log.warning("%s is not a checkpoint, or contains other files as well; it is kept as %s", target, backup)
        os.rename(target, backup)
    os.rename(source, target)
    sync_directory(target.parent)
    if backup == hidden_path(target, OLD) and is_checkpoint(backup):
        shutil.rmtree(backup)


def free_name(path: Path) -> Path:
    """Return the first path ``{path}.kept-N`` that does not exist."""
    number = 1
    while os.path.lexists(name := path.with_name(f"{path.name}.kept-{number}")):
        number += 1
    return name


def remove(path: Path) -> None:
    """Remove a checkpoint atomically; a directory that is not a checkpoint is kept."""
    if not is_checkpoint(path):
        return
    doomed = hidden_path(path, PARTIAL)
    os.rename(path, doomed)
    shutil.rmtree(doomed)


def locate(path: Path) -> Path | None:
    """Return the path of an existing checkpoint; it is hidden if a save was killed between its two renames."""
    places = (path, hidden_path(path, OLD)) if path.name else (path,)
    return next((place for place in places if (place / MANIFEST).is_file()), None)


def read_serial(path: Path) -> int:
    """Return the serial number of a checkpoint (a count of saves); 0 if the manifest has none."""
    try:
        return int(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["serial"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0


def prefix_of(path: Path) -> Path:
    """Return the prefix of a checkpoint ``{prefix}-{step}``; a name without a step is a prefix."""
    return path.with_name(re.sub(r"(?<=.)-\d+$", "", path.name))


def next_serial(prefix: Path) -> int:
    """Return the serial number of the next checkpoint of a prefix."""
    return 1 + max((read_serial(path) for path in list_checkpoints(prefix)), default=0)


def list_checkpoints(prefix: Path) -> list[Path]:
    """Return the checkpoints ``{prefix}-{step}`` in the order in which they were written.

    This is not always the order of the steps: a run that is restarted from an older checkpoint leaves the later
    checkpoints of the first run in place.
    """
    pattern = re.compile(rf"\.?({re.escape(prefix.name)}-(\d+))(?:{re.escape(OLD)})?")
    steps = {}
    if prefix.parent.is_dir():
        for path in prefix.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match:
                steps[prefix.with_name(match[1])] = int(match[2])
    places = {path: locate(path) for path in steps}
    found = [(read_serial(place), steps[path], place) for path, place in places.items() if place is not None]
    return [place for *_, place in sorted(found)]


def _prefixes(directory: Path) -> list[Path]:
    """Return the prefixes of the checkpoints in a directory, the latest first."""
    matches = [re.fullmatch(r"\.?(.+)-\d+(\.old)?", path.name) for path in sorted(directory.iterdir())]
    names = [match[1] for match in matches if match]
    pointer = directory / POINTER
    if pointer.is_file():
        names.insert(0, pointer.read_text(encoding="utf-8", errors="replace").strip().rpartition("-")[0])
    return [directory / name for name in dict.fromkeys(names) if name and Path(name).name == name]


def find_checkpoint(place: str | Path) -> Path:
    """Find a checkpoint by its path, prefix or directory.

    Parameters
    ----------
    place : str or Path
        A checkpoint (``model.ckpt-1000``), a prefix (``model.ckpt``), or a directory of checkpoints. A prefix selects
        the checkpoint written last. In a directory, the file ``checkpoint`` selects the prefix.

    Raises
    ------
    InputError
        If no checkpoint is found.
    """
    place = Path(place)
    if exact := locate(place):
        return exact
    for prefix in _prefixes(place) if place.is_dir() else [place]:
        if found := list_checkpoints(prefix):
            return found[-1]
    raise InputError(
        f"{place}: no checkpoint found; give a checkpoint directory such as model.ckpt-1000, its prefix model.ckpt, "
        "or the directory in which training ran"
    )
