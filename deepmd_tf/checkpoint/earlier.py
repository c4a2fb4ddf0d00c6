"""Archive the files of an earlier run, and restore them when that run is restarted.

A new run moves existing checkpoints and the learning curve into the folder ``model.ckpt-earlier-1/``, the newest
checkpoint last. The folder contains a mark while files are moved. If the process is killed meanwhile, the mark shows
that the files in the folder and those outside are of the same run. The next new run then moves the rest, and a restart
moves all files back.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from deepmd_tf.checkpoint.places import BEST, POINTER, list_checkpoints, recover_saves
from deepmd_tf.errors import InputError
from deepmd_tf.files import sync_directory

log = logging.getLogger("deepmd_tf")

_MARK = ".unfinished"


def archive_run(prefix: str | Path, curve: str | Path) -> Path | None:
    """Move the files of an earlier run into a new folder.

    Parameters
    ----------
    prefix : str or Path
        ``training.save_ckpt``.
    curve : str or Path
        File of the learning curve.

    Returns
    -------
    Path or None
        The folder; None if there is no earlier run.

    Raises
    ------
    InputError
        When they cannot be moved.
    """
    prefix, curve = Path(prefix), Path(curve)
    with _refusal(prefix):
        recover_saves(prefix)
        files = _run_files(prefix, curve)
        if not files and not any(any(folder.iterdir()) for folder in _marked_folders(prefix)):
            return None
        folder = _open_folder(prefix, files)
        for file in files:
            os.rename(file, _archive_path(file, folder))
        _remove_mark(folder, curve)
    hint = (
        f"; to continue that run, use --restart {folder / prefix.name}"
        if list_checkpoints(folder / prefix.name)
        else ""
    )
    log.warning("%s: moved the files of an earlier run to %s%s", prefix, folder, hint)
    return folder


def restore_run(prefix: str | Path, curve: str | Path, checkpoint: Path) -> None:
    """Move the files of an archived run back, if `checkpoint` is in its folder.

    The files of the current run are archived first.

    Parameters
    ----------
    prefix, curve : str or Path
        See `archive_run`.
    checkpoint : Path
        Checkpoint from which the run is restarted; it has already been read.

    Raises
    ------
    InputError
        When they cannot be moved.
    """
    prefix, curve = Path(prefix), Path(curve)
    with _refusal(prefix):
        for folder in _marked_folders(prefix):
            _restore_folder(folder, prefix, curve)
        folder = next((f for f in _folders(prefix).values() if f.resolve() == checkpoint.parent.resolve()), None)
        if folder is not None:
            archive_run(prefix, curve)
            (folder / _MARK).touch()
            sync_directory(folder)
            _restore_folder(folder, prefix, curve)


def _restore_folder(folder: Path, prefix: Path, curve: Path) -> None:
    """Move the files of a marked folder back, the newest checkpoint first; files whose path exists stay."""
    newest_first = list(reversed(list_checkpoints(folder / prefix.name)))
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
    """Convert errors of the operating system to `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"training.save_ckpt: cannot move the files of an earlier run, {prefix}-*: {error}") from error


def _run_files(prefix: Path, curve: Path) -> list[Path]:
    """Return all files of the current run, in the order in which they are moved."""
    checkpoints = list_checkpoints(prefix)
    pattern = re.compile(rf"{re.escape(prefix.name)}-(\d+|{BEST})")
    others = [path for path in prefix.parent.iterdir() if pattern.fullmatch(path.name) and path not in checkpoints]
    pointer = prefix.with_name(POINTER)
    files = [curve] if _has_lines(curve) else []
    if pointer.is_file() and _must_move_pointer(pointer.read_bytes(), prefix, bool(checkpoints)):
        files.append(pointer)
    return [*files, *sorted(others), *checkpoints]


def _must_move_pointer(pointer: bytes, prefix: Path, some: bool) -> bool:
    """Return True if the file ``checkpoint`` must be moved.

    It is moved if it names a checkpoint of the prefix and `some` exist, or if another program wrote it.
    """
    name = re.fullmatch(rb"(.+)-\d+\s*", pointer)
    return some and name[1] == os.fsencode(prefix.name) if name else bool(pointer.strip())


def _has_lines(curve: Path) -> bool:
    """Return True if a file has lines that are not comments."""
    if not curve.is_file():
        return False
    with curve.open("rb") as file:
        return any(line.strip() and not line.startswith(b"#") for line in file)


def _folders(prefix: Path) -> dict[int, Path]:
    """Return the folders of earlier runs by number."""
    pattern = re.compile(rf"{re.escape(prefix.name)}-earlier-([0-9]{{1,9}})")
    matches = [pattern.fullmatch(path.name) for path in prefix.parent.iterdir() if path.is_dir()]
    return {int(match[1]): prefix.with_name(match[0]) for match in matches if match}


def _marked_folders(prefix: Path) -> list[Path]:
    """Return folders with a mark, or empty ones: the run that created them was killed before it set the mark."""
    return [folder for folder in _folders(prefix).values() if (folder / _MARK).exists() or not any(folder.iterdir())]


def _archive_path(file: Path, folder: Path) -> Path:
    """Return the new path of a file: in `folder`, or next to the file if its directory is another one."""
    if file.parent.resolve() == folder.parent.resolve():
        return folder / file.name
    return file.with_name(f"{file.name}-earlier-{folder.name.rpartition('-')[2]}")


def _open_folder(prefix: Path, files: list[Path]) -> Path:
    """Return a marked folder for files: that of an interrupted move if possible, otherwise a new one."""

    def has_room(folder: Path) -> bool:
        return not any(os.path.lexists(_archive_path(file, folder)) for file in files)

    for folder in _marked_folders(prefix):
        if has_room(folder):
            break
        (folder / _MARK).unlink(missing_ok=True)
    else:
        names = (f"{prefix.name}-earlier-{number}" for number in itertools.count(1))
        folder = next(f for f in map(prefix.with_name, names) if not os.path.lexists(f) and has_room(f))
        folder.mkdir()
    (folder / _MARK).touch()
    sync_directory(folder)
    sync_directory(folder.parent)
    return folder


def _remove_mark(folder: Path, curve: Path) -> None:
    """Sync the moved files to disk, then remove the mark."""
    for directory in {folder, folder.parent, curve.parent}:
        sync_directory(directory)
    (folder / _MARK).unlink(missing_ok=True)
    sync_directory(folder)
