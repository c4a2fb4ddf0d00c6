"""Lock that prevents two runs from writing the same checkpoints."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from deepmd_tf.errors import InputError


@contextlib.contextmanager
def only_run(prefix: str | Path) -> Iterator[None]:
    """Lock the checkpoints of a prefix for this run.

    The lock is on the file ``.{prefix}.lock`` and ends with the process. It excludes other runs on this machine, and on
    other machines if the file system shares its locks. If the file system has no locks, nothing is locked.

    Parameters
    ----------
    prefix : str or Path
        ``training.save_ckpt``.

    Raises
    ------
    InputError
        If another process has the lock.
    """
    prefix = Path(prefix)
    file = prefix.with_name(f".{prefix.name}.lock")
    descriptor = None
    try:
        descriptor = _lock(file)
        yield
    finally:
        if descriptor is not None:
            _release(file, descriptor)


def _lock(file: Path) -> int | None:
    """Create and lock a file; return its descriptor, or None if that is impossible."""
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_open_at(descriptor, file):
                with contextlib.suppress(OSError):  # disk full: only the message needs the owner
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)
                return descriptor
            os.close(descriptor)  # another run removed the file and ended
        except BlockingIOError:
            owner = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise InputError(
                f"training.save_ckpt: another run (process {owner or 'unknown'}) is writing checkpoints "
                f"{file.name[1:].removesuffix('.lock')}-* in {file.parent.absolute()}. Wait until it ends, or "
                "set another save_ckpt and disp_file. If a launcher started several processes of one command, they did "
                "not form an MPI run (docs/training.md)"
            ) from None
        except OSError:
            os.close(descriptor)
            return None


def _is_open_at(descriptor: int, file: Path) -> bool:
    """Return True if `file` is the path of the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def _release(file: Path, descriptor: int) -> None:
    """Remove the file if this process still owns it, and release the lock."""
    try:
        with contextlib.suppress(OSError):
            if _is_open_at(descriptor, file):
                os.unlink(file)
    finally:
        os.close(descriptor)
