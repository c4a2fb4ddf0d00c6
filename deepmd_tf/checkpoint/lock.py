"""One run at a time writes checkpoints of a prefix."""

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
    """Keep other runs of this machine, or of a file system whose locks are shared, from a prefix.

    The lock is on the file ``.{prefix}.lock``. It goes with the process however that ends; where a file system has no
    locks, there is none.

    Parameters
    ----------
    prefix : str or Path
        ``training.save_ckpt``.

    Raises
    ------
    InputError
        When another process has it.
    """
    prefix = Path(prefix)
    file = prefix.with_name(f".{prefix.name}.lock")
    descriptor = None
    try:
        descriptor = _locked(file)
        yield
    finally:
        if descriptor is not None:
            _release(file, descriptor)


def _locked(file: Path) -> int | None:
    """Lock a file that is made if need be; None where that is not possible."""
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, file):
                with contextlib.suppress(OSError):  # no space for a name, which only the message needs
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)
                return descriptor
            os.close(descriptor)  # a run that ended in between has removed it
        except BlockingIOError:
            owner = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise InputError(
                f"training.save_ckpt: another run (process {owner or 'unknown'}) is writing checkpoints "
                f"{file.name[1:].removesuffix('.lock')}-* in {file.parent.absolute()}. Wait for it, or name another "
                "prefix and disp_file; when it was the same command on several processes, the launcher is not one "
                "that joins them (docs/training.md)"
            ) from None
        except OSError:
            os.close(descriptor)
            return None


def _is_at(descriptor: int, file: Path) -> bool:
    """Whether the open file is the one that has the name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def _release(file: Path, descriptor: int) -> None:
    """Remove the file, if it is still ours, and give up the lock."""
    try:
        with contextlib.suppress(OSError):
            if _is_at(descriptor, file):
                os.unlink(file)
    finally:
        os.close(descriptor)
