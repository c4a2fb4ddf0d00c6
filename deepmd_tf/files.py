"""Atomic writing of files: a reader never sees a partial file."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile
from pathlib import Path

from deepmd_tf.errors import InputError

_HOST = re.sub(r"\W", "_", socket.gethostname())
"""Part of the names of temporary files, together with the id of the process that writes them."""


def atomic_write(path: str | Path, content: bytes | str) -> None:
    """Write a file completely or not at all, through a temporary file in the same directory, fsync and rename.

    Raises
    ------
    InputError
        If the file cannot be written; an existing file is then unchanged.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{_HOST}-{os.getpid()}")
    try:
        _remove_left_over(path)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    sync_directory(path.parent)


def _remove_left_over(path: Path) -> None:
    """Remove temporary files of `atomic_write` whose process was killed on this machine."""
    prefix = f".{path.name}.{_HOST}-"
    for file in path.parent.iterdir():
        number = file.name.removeprefix(prefix)
        if number != file.name and number.isdecimal() and not Path(f"/proc/{number}").exists():
            with contextlib.suppress(OSError):
                file.unlink()


def check_writable(path: str | Path, key: str) -> None:
    """Check that `atomic_write` can write a file, before the work whose result it receives. Leave no file behind.

    Parameters
    ----------
    path : str or Path
        The file, which need not exist.
    key : str
        Key or option with the path, for the message.

    Raises
    ------
    InputError
        If the directory is missing or not writable, or the path is a directory.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except (OSError, ValueError) as error:
        raise InputError(f"{key}: cannot write {path}: {getattr(error, 'strerror', error)}") from error


def make_directory(path: str | Path, key: str) -> None:
    """Create a writable directory and its parents.

    Raises
    ------
    InputError
        If that is impossible; the message begins with `key`.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise InputError(f"{key}: cannot write into the directory {path}: {reason}") from error


def sync_directory(path: str | Path) -> None:
    """Make renames inside a directory survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
