"""The one exception that means *the user's input is wrong*, and how several of them are told at once."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Iterator
from contextvars import ContextVar


class InputError(ValueError):
    """Something the user supplied cannot be used.

    The message says what is wrong, where (file, key, frame, atom), what was expected, what was found, and how to mend
    it. The command line prints it as one line and exits with status 2; Python callers may catch it as a `ValueError`.
    """


class Stopped(BaseException):
    """SIGTERM or SIGUSR1 arrived before the first step.

    Not an `Exception`, so that no handler on the way catches it.
    """

    def __init__(self, number: int):
        super().__init__(
            f"{signal.Signals(number).name} before the first step: there is nothing to save, and the files of earlier "
            "runs are as they were"
        )


def user_message(error: BaseException) -> str | None:
    """Return the one message about an error that lies outside the program; None for any other.

    These are what `InputError` and the system say, and memory that runs out, on the processor or the GPU.
    """
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        return (
            f"{error.strerror}, which TensorFlow needs: they are closed, or the disk is full. Free space, or name "
            "another directory in TMPDIR"
        )
    if isinstance(error, (InputError, OSError)):
        return str(error)
    tf = sys.modules.get("tensorflow")
    if not isinstance(error, MemoryError if tf is None else (MemoryError, tf.errors.ResourceExhaustedError)):
        return None
    reason = first_line(error) if str(error) else ""
    return (
        f"out of memory{f' ({reason})' if reason else ''}: take fewer atoms at a time (a smaller batch_size, smaller "
        "frames), fewer ranks of a node, or data in .npy or HDF5 files, which are read in parts while extended XYZ "
        "files are read whole; or ask for more memory"
    )


def without_nodes(text: str) -> str:
    """Leave out what TensorFlow says of the nodes and functions around an error."""
    return re.sub(r"\{\{[^{}]*\}\}|\[\[.*?\]\]|\[Op:.*", "", text)


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the first line of what an error says, without nodes and in `most` characters; its kind without any."""
    text = str(getattr(error, "message", None) or error)
    lines = (line.strip() for line in without_nodes(text).splitlines())
    return next(filter(None, lines), type(error).__name__)[:most]


_problems: ContextVar[list[str] | None] = ContextVar("problems", default=None)


@contextlib.contextmanager
def collecting_problems() -> Iterator[list[str]]:
    """Gather problems instead of stopping at the first: inside, `noting_problems` and `refuse` add to the list given.

    Only in the thread that entered: others stop at their first problem.
    """
    problems: list[str] = []
    token = _problems.set(problems)
    try:
        yield problems
    finally:
        _problems.reset(token)


@contextlib.contextmanager
def noting_problems() -> Iterator[None]:
    """Note an `InputError` of the block and go on after it when problems are collected; otherwise it passes through."""
    try:
        yield
    except InputError as error:
        problems = _problems.get()
        if problems is None:
            raise
        problems.append(str(error))


def refuse(message: str) -> None:
    """Raise an `InputError`, or only note it when problems are collected."""
    with noting_problems():
        raise InputError(message)
