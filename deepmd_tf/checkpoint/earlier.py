"""The files of an earlier run: out of the way of one that begins anew, and back in their place when it goes on.

A run that begins anew moves the checkpoints and the learning curve that are there into ``model.ckpt-earlier-1/``, the
newest checkpoint last. While they are moved, the folder has a mark, and what is in it and what is in place belong
together: a kill leaves the newest checkpoint in one of the two, beginning anew moves the rest, restarting moves all
back.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from deepmd_tf.checkpoint.places import BEST, POINTER, clean, numbered
from deepmd_tf.errors import InputError
from deepmd_tf.files import sync_directory

log = logging.getLogger("deepmd_tf")

_MARK = ".unfinished"


def set_aside(prefix: str | Path, curve: str | Path) -> Path | None:
    """Move the files of an earlier run into a folder of their own.

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
        clean(prefix)
        files = _of_run(prefix, curve)
        if not files and not any(any(folder.iterdir()) for folder in _marked(prefix)):
            return None
        folder = _folder(prefix, files)
        for file in files:
            os.rename(file, _aside(file, folder))
        _finish(folder, curve)
    begun = f"; to continue it instead: --restart {folder / prefix.name}" if numbered(folder / prefix.name) else ""
    log.warning("%s: an earlier run was here, and its files are in %s now%s", prefix, folder, begun)
    return folder


def bring_back(prefix: str | Path, curve: str | Path, checkpoint: Path) -> None:
    """Move the files of the run that `checkpoint` is of back in place, where it has been set aside.

    A run that is in place then is set aside in turn.

    Parameters
    ----------
    prefix, curve : str or Path
        As of `set_aside`.
    checkpoint : Path
        What the run was restarted from; it has been read.

    Raises
    ------
    InputError
        When they cannot be moved.
    """
    prefix, curve = Path(prefix), Path(curve)
    with _refusal(prefix):
        for folder in _marked(prefix):
            _bring_back(folder, prefix, curve)
        folder = next((f for f in _folders(prefix).values() if f.resolve() == checkpoint.parent.resolve()), None)
        if folder is not None:
            set_aside(prefix, curve)
            (folder / _MARK).touch()
            sync_directory(folder)
            _bring_back(folder, prefix, curve)


def _bring_back(folder: Path, prefix: Path, curve: Path) -> None:
    """Move all of a folder with a mark back, the newest checkpoint first; what has no place any more stays there."""
    newest_first = list(reversed(numbered(folder / prefix.name)))
    rest = [path for path in sorted(folder.iterdir()) if path not in newest_first and path.name != _MARK]
    places = {path: prefix.with_name(path.name) for path in (*newest_first, *rest)}
    places[_aside(curve, folder)] = curve
    for path, place in places.items():
        if path.exists() and not os.path.lexists(place):
            os.rename(path, place)
    _finish(folder, curve)
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


def _of_run(prefix: Path, curve: Path) -> list[Path]:
    """All files of the run in place, in the order in which they are moved."""
    checkpoints = numbered(prefix)
    pattern = re.compile(rf"{re.escape(prefix.name)}-(\d+|{BEST})")
    others = [path for path in prefix.parent.iterdir() if pattern.fullmatch(path.name) and path not in checkpoints]
    pointer = prefix.with_name(POINTER)
    files = [curve] if _has_lines(curve) else []
    if pointer.is_file() and _is_of(pointer.read_bytes(), prefix, bool(checkpoints)):
        files.append(pointer)
    return [*files, *sorted(others), *checkpoints]


def _is_of(pointer: bytes, prefix: Path, some: bool) -> bool:
    """Whether a file `checkpoint` names one of a prefix, of which there are `some`, or is another program's."""
    name = re.fullmatch(rb"(.+)-\d+\s*", pointer)
    return some and name[1] == os.fsencode(prefix.name) if name else bool(pointer.strip())


def _has_lines(curve: Path) -> bool:
    """Whether there is more in a learning curve than its header; so it is in any other file."""
    if not curve.is_file():
        return False
    with curve.open("rb") as file:
        return any(line.strip() and not line.startswith(b"#") for line in file)


def _folders(prefix: Path) -> dict[int, Path]:
    """Folders of earlier runs by their number."""
    pattern = re.compile(rf"{re.escape(prefix.name)}-earlier-([0-9]{{1,9}})")
    matches = [pattern.fullmatch(path.name) for path in prefix.parent.iterdir() if path.is_dir()]
    return {int(match[1]): prefix.with_name(match[0]) for match in matches if match}


def _marked(prefix: Path) -> list[Path]:
    """Folders whose files belong to those in place; one that is empty was made by a run killed before it had a mark."""
    return [folder for folder in _folders(prefix).values() if (folder / _MARK).exists() or not any(folder.iterdir())]


def _aside(file: Path, folder: Path) -> Path:
    """Return the place of a file that is moved: in the folder, or in its own directory when that is another."""
    if file.parent.resolve() == folder.parent.resolve():
        return folder / file.name
    return file.with_name(f"{file.name}-earlier-{folder.name.rpartition('-')[2]}")


def _folder(prefix: Path, files: list[Path]) -> Path:
    """Return a folder for files, with a mark: the one that a run which was killed began to fill, or a new one."""

    def free(folder: Path) -> bool:
        return not any(os.path.lexists(_aside(file, folder)) for file in files)

    for folder in _marked(prefix):
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


def _finish(folder: Path, curve: Path) -> None:
    """Remove the mark, when all that was moved is where it belongs on disk, too."""
    for directory in {folder, folder.parent, curve.parent}:
        sync_directory(directory)
    (folder / _MARK).unlink(missing_ok=True)
    sync_directory(folder)
