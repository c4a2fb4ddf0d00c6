"""The exception for wrong input, and the collection of several of them."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Iterator
from contextvars import ContextVar


class InputError(ValueError):
    """Invalid input from the user.

    The message gives the problem, its place (file, key, frame, atom), the expected and the found value, and how to fix
    it. The command line prints it as one line and exits with status 2; Python callers may catch it as a `ValueError`.
    """


class Stopped(BaseException):
    """SIGTERM or SIGUSR1 arrived before the first step.

    It is not an `Exception`, so that no handler catches it on the way up.
    """

    def __init__(self, number: int):
        super().__init__(
            f"{signal.Signals(number).name} before the first step: there is nothing to save, and the files of earlier "
            "runs are unchanged"
        )


def user_message(error: BaseException) -> str | None:
    """Return the message for an error with a cause outside the program; None for any other error.

    Such errors are `InputError`, errors of the operating system, and memory that runs out on the CPU or GPU.
    """
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        return (
            f"{error.strerror}, which TensorFlow needs: they are not writable, or the disk is full. Free space, "
            "or set TMPDIR to another directory"
        )
    if isinstance(error, (InputError, OSError)):
        return str(error)
    tf = sys.modules.get("tensorflow")
    if not isinstance(error, MemoryError if tf is None else (MemoryError, tf.errors.ResourceExhaustedError)):
        return None
    reason = first_line(error) if str(error) else ""
    return (
        f"out of memory{f' ({reason})' if reason else ''}: use fewer atoms at a time (a smaller batch_size, smaller "
        "frames), fewer ranks per node, or data in .npy or HDF5 files, which are read in parts, while extended XYZ "
        "files are read whole; or request more memory"
    )


def without_nodes(text: str) -> str:
    """Return the text without TensorFlow's names of nodes and functions."""
    return re.sub(r"\{\{[^{}]*\}\}|\[\[.*?\]\]|\[Op:.*", "", text)


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the first line of the message of an error, shortened and without nodes; its class without a message."""
    text = str(getattr(error, "message", None) or error)
    lines = (line.strip() for line in without_nodes(text).splitlines())
    return next(filter(None, lines), type(error).__name__)[:most]


_problems: ContextVar[list[str] | None] = ContextVar("problems", default=None)


@contextlib.contextmanager
def collecting_problems() -> Iterator[list[str]]:
    """Collect problems instead of stopping at the first one.

    Inside the context, `noting_problems` and `refuse` append to the returned list and continue. This holds for the
    thread that entered the context; other threads stop at their first problem.
    """
    problems: list[str] = []
    token = _problems.set(problems)
    try:
        yield problems
    finally:
        _problems.reset(token)


@contextlib.contextmanager
def noting_problems() -> Iterator[None]:
    """Append an `InputError` of the block to the collected problems; raise it if none are collected."""
    try:
        yield
    except InputError as error:
        problems = _problems.get()
        if problems is None:
            raise
        problems.append(str(error))


def refuse(message: str) -> None:
    """Raise an `InputError`, or append it to the collected problems."""
    with noting_problems():
        raise InputError(message)
