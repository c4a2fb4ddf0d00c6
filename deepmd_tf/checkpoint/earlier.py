"""Files of an earlier run with the same names: moved out of the way of a new run, and back when it is restarted.

A new run moves existing checkpoints and the learning curve into ``model.ckpt-earlier-1/``, the newest checkpoint last.
A mark in the folder says that the move is unfinished; the files in the folder and those in place then belong together.
If the process is killed, the newest checkpoint is in one of the two places. The next new run moves the rest, and a
restart moves everything back.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from deepmd_tf.checkpoint.places import BEST, POINTER, clean_up, numbered_checkpoints
from deepmd_tf.errors import InputError
from deepmd_tf.files import sync_directory

log = logging.getLogger("deepmd_tf")

_MARK = ".unfinished"


def move_aside(prefix: str | Path, curve: str | Path) -> Path | None:
    """Move the files of an earlier run into a folder.

    Parameters
    ----------
    prefix : str or Path
        ``training.save_ckpt``.
    curve : str or Path
        The learning curve.

    Returns
    -------
    Path or None
        The folder; None when there was no earlier run.

    Raises
    ------
    InputError
        When they cannot be moved.
    """
    prefix, curve = Path(prefix), Path(curve)
    with _refusal(prefix):
        clean_up(prefix)
        files = _run_files(prefix, curve)
        if not files and not any(any(folder.iterdir()) for folder in _marked_folders(prefix)):
            return None
        folder = _folder(prefix, files)
        for file in files:
            os.rename(file, _archive_path(file, folder))
        _remove_mark(folder, curve)
    moved = folder / prefix.name
    hint = f"; to continue it instead: --restart {moved}" if numbered_checkpoints(moved) else ""
    log.warning("%s: the files of an earlier run were moved to %s%s", prefix, folder, hint)
    return folder


def move_back(prefix: str | Path, curve: str | Path, checkpoint: Path) -> None:
    """Move the files of the run of a checkpoint back in place, if they were moved aside.

    A run that is in place is moved aside first.

    Parameters
    ----------
    prefix, curve : str or Path
        As for `move_aside`.
    checkpoint : Path
        The checkpoint that the run was restarted from; it has been read.

    Raises
    ------
    InputError
        When they cannot be moved.
    """
    prefix, curve = Path(prefix), Path(curve)
    with _refusal(prefix):
        for folder in _marked_folders(prefix):
            _bring_back(folder, prefix, curve)
        folder = next((f for f in _folders(prefix).values() if f.resolve() == checkpoint.parent.resolve()), None)
        if folder is not None:
            move_aside(prefix, curve)
            (folder / _MARK).touch()
            sync_directory(folder)
            _bring_back(folder, prefix, curve)


def _bring_back(folder: Path, prefix: Path, curve: Path) -> None:
    """Move the files of a marked folder back, the newest checkpoint first; files whose place is taken stay."""
    newest_first = list(reversed(numbered_checkpoints(folder / prefix.name)))
    rest = [path for path in sorted(folder.iterdir()) if path not in newest_first and path.name != _MARK]
    places = {path: prefix.with_name(path.name) for path in (*newest_first, *rest)}
    places[_archive_path(curve, folder)] = curve
    for path, place in places.items():
        if path.exists() and not os.path.lexists(place):
            os.rename(path, place)
    _remove_mark(folder, curve)
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextlib.contextmanager
def _refusal(prefix: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"training.save_ckpt: the files of an earlier run, {prefix}-*, cannot be moved: {error}"
        ) from error


def _run_files(prefix: Path, curve: Path) -> list[Path]:
    """Return all files of the run in place, in the order in which they are moved."""
    checkpoints = numbered_checkpoints(prefix)
    pattern = re.compile(rf"{re.escape(prefix.name)}-(\d+|{BEST})")
    others = [path for path in prefix.parent.iterdir() if pattern.fullmatch(path.name) and path not in checkpoints]
    pointer = prefix.with_name(POINTER)
    files = [curve] if _has_lines(curve) else []
    if pointer.is_file() and _must_move_pointer(pointer.read_bytes(), prefix, bool(checkpoints)):
        files.append(pointer)
    return [*files, *sorted(others), *checkpoints]


def _must_move_pointer(pointer: bytes, prefix: Path, some: bool) -> bool:
    """Return whether the file `checkpoint` belongs to a prefix that has checkpoints, or to another program."""
    name = re.fullmatch(rb"(.+)-\d+\s*", pointer)
    return some and name[1] == os.fsencode(prefix.name) if name else bool(pointer.strip())


def _has_lines(curve: Path) -> bool:
    """Return whether a file has more than the header of a learning curve."""
    if not curve.is_file():
        return False
    with curve.open("rb") as file:
        return any(line.strip() and not line.startswith(b"#") for line in file)


def _folders(prefix: Path) -> dict[int, Path]:
    """Return the folders of earlier runs by their number."""
    pattern = re.compile(rf"{re.escape(prefix.name)}-earlier-([0-9]{{1,9}})")
    matches = [pattern.fullmatch(path.name) for path in prefix.parent.iterdir() if path.is_dir()]
    return {int(match[1]): prefix.with_name(match[0]) for match in matches if match}


def _marked_folders(prefix: Path) -> list[Path]:
    """Return the folders of unfinished moves; an empty one was made by a run that was killed before it set the mark."""
    return [folder for folder in _folders(prefix).values() if (folder / _MARK).exists() or not any(folder.iterdir())]


def _archive_path(file: Path, folder: Path) -> Path:
    """Return the new path of a file: in the folder, or beside the file if that is in another directory."""
    if file.parent.resolve() == folder.parent.resolve():
        return folder / file.name
    return file.with_name(f"{file.name}-earlier-{folder.name.rpartition('-')[2]}")


def _folder(prefix: Path, files: list[Path]) -> Path:
    """Return a marked folder for files: that of an unfinished move, or a new one."""

    def free(folder: Path) -> bool:
        return not any(os.path.lexists(_archive_path(file, folder)) for file in files)

    for folder in _marked_folders(prefix):
        if free(folder):
            break
        (folder / _MARK).unlink(missing_ok=True)
    else:
        names = (f"{prefix.name}-earlier-{number}" for number in itertools.count(1))
        folder = next(f for f in map(prefix.with_name, names) if not os.path.lexists(f) and free(f))
        folder.mkdir()
    (folder / _MARK).touch()
    sync_directory(folder)
    sync_directory(folder.parent)
    return folder


def _remove_mark(folder: Path, curve: Path) -> None:
    """Remove the mark after syncing all moved files to disk."""
    for directory in {folder, folder.parent, curve.parent}:
        sync_directory(directory)
    (folder / _MARK).unlink(missing_ok=True)
    sync_directory(folder)
