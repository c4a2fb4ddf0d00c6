"""Paths of checkpoints: finding, replacing and removing them.

Only directories that contain the files of a checkpoint and nothing else are removed.
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
"""Prefixes of the files that TensorFlow writes; the last one exists only while it writes."""

PARTIAL, OLD = ".partial", ".old"


def hidden_path(path: Path, suffix: str) -> Path:
    """Return the hidden path beside a checkpoint at which it is written (`PARTIAL`) or kept while replaced (`OLD`)."""
    return path.with_name(f".{path.name}{suffix}")


def is_checkpoint(path: Path) -> bool:
    """Return whether a directory, complete or not, contains files of a checkpoint and nothing else."""
    if path.is_symlink() or not path.is_dir():
        return False
    return all(file.name in (MANIFEST, CONFIG) or file.name.startswith(_STATE_FILES) for file in path.iterdir())


def require_absent(target: Path, key: str) -> None:
    """Raise `InputError` when the path of a new checkpoint exists; the message begins with `key`."""
    if target.name in ("", "..") or os.path.lexists(target) or existing_path(target) is not None:
        raise InputError(f"{key}: {target} exists already; name a new directory, or remove that one first")


def clean_up(prefix: Path) -> None:
    """Clean up after saves that were killed: remove partial directories, and restore one that was being replaced."""
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
    """Remove the partial directory of a checkpoint."""
    if is_checkpoint(partial := hidden_path(target, PARTIAL)):
        shutil.rmtree(partial)


def replace_directory(source: Path, target: Path) -> None:
    """Rename `source` to `target`; an existing target is renamed first, and removed if it is a checkpoint."""
    aside = hidden_path(target, OLD)
    if os.path.lexists(target):
        if not is_checkpoint(target):
            aside = free_name(target)
            log.warning("%s is not a checkpoint, or contains other files as well; it is kept as %s", target, aside)
        os.rename(target, aside)
    os.rename(source, target)
    sync_directory(target.parent)
    if aside == hidden_path(target, OLD) and is_checkpoint(aside):
        shutil.rmtree(aside)


def free_name(path: Path) -> Path:
    """Return the first path ``{path}.kept-N`` that does not exist."""
    number = 1
    while os.path.lexists(name := path.with_name(f"{path.name}.kept-{number}")):
        number += 1
    return name


def remove(path: Path) -> None:
    """Remove a checkpoint so that a kill leaves nothing that looks like one; any other directory stays."""
    if not is_checkpoint(path):
        return
    doomed = hidden_path(path, PARTIAL)
    os.rename(path, doomed)
    shutil.rmtree(doomed)


def existing_path(path: Path) -> Path | None:
    """Return the path of a checkpoint: `path`, or the hidden path if a kill came between two renames; or None."""
    places = (path, hidden_path(path, OLD)) if path.name else (path,)
    return next((place for place in places if (place / MANIFEST).is_file()), None)


def save_number(path: Path) -> int:
    """Return the number of saves up to a checkpoint; 0 if its manifest does not store it."""
    try:
        return int(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["serial"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0


def prefix_of(path: Path) -> Path:
    """Return the prefix of a checkpoint ``{prefix}-{step}``; a name without a number is the prefix itself."""
    return path.with_name(re.sub(r"(?<=.)-\d+$", "", path.name))


def next_save_number(prefix: Path) -> int:
    """Return the number of saves of the next checkpoint of a prefix."""
    return 1 + max((save_number(path) for path in numbered_checkpoints(prefix)), default=0)


def numbered_checkpoints(prefix: Path) -> list[Path]:
    """Return the checkpoints ``{prefix}-{step}`` in the order in which they were written.

    The order of steps can differ: a run restarted from an older checkpoint leaves checkpoints of later steps.
    """
    pattern = re.compile(rf"\.?({re.escape(prefix.name)}-(\d+))(?:{re.escape(OLD)})?")
    steps = {}
    if prefix.parent.is_dir():
        for path in prefix.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match:
                steps[prefix.with_name(match[1])] = int(match[2])
    places = {path: existing_path(path) for path in steps}
    found = [(save_number(place), steps[path], place) for path, place in places.items() if place is not None]
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
    if exact := existing_path(place):
        return exact
    for prefix in _prefixes(place) if place.is_dir() else [place]:
        if found := numbered_checkpoints(prefix):
            return found[-1]
    raise InputError(
        f"{place}: no checkpoint found; give a checkpoint directory such as model.ckpt-1000, its prefix model.ckpt, "
        "or the directory in which training ran"
    )
