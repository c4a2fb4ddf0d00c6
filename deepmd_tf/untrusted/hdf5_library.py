"""Reader of HDF5 files in a separate process: on some damaged files the library crashes, on others it never returns.

`python hdf5_library.py SECONDS` answers requests until its standard input ends. A request is a line of JSON,
`{"do": ..., "file": ..., ...}`. An answer is a line of JSON too, followed by `nbytes` bytes of numbers. A child process
does the work; SIGPROF ends it if a request takes more than SECONDS of CPU time without progress.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import h5py
import numpy as np

_TEXT = ("type.raw", "type_map.raw")
_LONGEST_NAME = 1000
_LONGEST_REASON = 200
_MAX_NAMES = 2**22
_MAX_WORDS = 2**24
_MAX_CHUNK_BYTES = 2**30
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError)
"""Exceptions of h5py for damaged files."""


class _Refused(Exception):
    """Data that cannot be used; the message names what was expected and found."""


def _reason(error: Exception) -> str:
    if isinstance(error, _Refused):
        return str(error)
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"cannot be read as HDF5: {text[:_LONGEST_REASON]}"


class Library:
    """Server of requests.

    Parameters
    ----------
    further : callable
        Called when a long request makes progress.
    """

    def __init__(self, further: Callable[[], None]) -> None:
        self._further = further
        self._files: dict[str, tuple[tuple[int, ...], h5py.File]] = {}

    def answer(self, request: dict) -> tuple[dict, bytes]:
        """Return an answer and its numbers; `error` in it is a message."""
        do = {"systems": self.systems, "group": self.group, "rows": self.rows, "close": self.close}[request.pop("do")]
        try:
            found = do(**request)
        except (_Refused, *_DAMAGE) as error:
            return {"error": _reason(error)}, b""
        if isinstance(found, np.ndarray):
            return {"nbytes": found.nbytes}, found.tobytes()
        return found, b""

    def systems(self, file: str, group: str, mark: str) -> dict:
        """Return the groups with a dataset `mark`, at or below a group of a file."""
        found: list[str] = []

        def visit(key: str) -> None:
            self._further()
            if key.rpartition("/")[2] == mark:
                found.append(_checked(key))

        _group(self._open(file), group).visit(visit)
        return {"groups": [key.removesuffix(mark).rstrip("/") for key in found]}

    def group(self, file: str, group: str) -> dict:
        """Return the content of a group and of its groups `set.*`: names, texts, and positions of numbers."""
        here = _group(self._open(file), group)
        names = list(_names(here))
        sets = sorted(key for key in names if key.startswith("set.") and here.get(key, getclass=True) is h5py.Group)
        content = {name: _describe(here, name, _words) for name in _TEXT if name in names}
        size = os.path.getsize(file)
        for folder in sets:
            inside = here[folder]
            for key in _names(inside):
                self._further()
                names.append(f"{folder}/{key}")
                content[names[-1]] = _describe(inside, key, lambda dataset: _numbers(dataset, size))
        return {"names": names, "sets": sets, "content": content}

    def rows(self, file: str, name: str, rows: list[int], ascending: bool) -> np.ndarray:
        """Read a dataset: the range `rows` (first, end), the given ascending rows, or all if `rows` is empty."""
        dataset = _dataset(self._open(file), name)
        if not rows:
            return np.ascontiguousarray(dataset[()])
        return np.ascontiguousarray(dataset[rows if ascending else slice(*rows)])

    def close(self, files: Iterable[str]) -> dict:
        """Close files."""
        for file in files:
            if known := self._files.pop(file, None):
                with contextlib.suppress(*_DAMAGE):
                    known[1].close()
        return {}

    def _open(self, file: str) -> h5py.File:
        """Open a file, again if it has changed."""
        found = os.stat(file)
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if file not in self._files or self._files[file][0] != state:
            self.close([file])
            self._files[file] = (state, h5py.File(file, "r"))
        return self._files[file][1]


def _checked(name: str) -> str:
    """Return a name in a form fit for a message."""
    if len(name.encode()) > _LONGEST_NAME:
        raise _Refused(f"expected names of at most {_LONGEST_NAME} characters, got one of {len(name)}")
    return name


def _names(group: h5py.Group) -> Iterator[str]:
    """Yield the names in a group; in a damaged file they may form a cycle."""
    for number, name in enumerate(group):
        if number == _MAX_NAMES:
            raise _Refused(f"expected a group with at most {_MAX_NAMES} names in it")
        yield _checked(name)


def _group(file: h5py.File, name: str) -> h5py.Group:
    """Return a group; the empty name is the file itself."""
    found = file.get(name) if name else file
    if not isinstance(found, h5py.Group):
        kind = (
            "got a dataset"
            if found is not None
            else f"it has {', '.join(list(file)[:8])[:_LONGEST_REASON] or 'nothing'}"
        )
        raise _Refused(f"expected a group of this name in the file, {kind}")
    return found


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset; raise `_Refused` if its content is in another file."""
    found = group.get(name)
    if not isinstance(found, h5py.Dataset):
        raise _Refused(f"expected a dataset, found {'none' if found is None else 'a group'}")
    elsewhere = h5py.h5f.get_name(found.id) != h5py.h5f.get_name(group.id)
    if elsewhere or found.is_virtual or found.external:
        raise _Refused("expected numbers in this file, got a reference to other files")
    if found.shape is None:
        raise _Refused("expected numbers or text, got a dataset without a shape")
    return found


def _describe(group: h5py.Group, name: str, read: Callable[[h5py.Dataset], dict]) -> dict:
    """Describe a dataset; a problem with it is reported when it is read."""
    try:
        return read(_dataset(group, name))
    except (_Refused, *_DAMAGE) as error:
        return {"error": _reason(error)}


def _words(dataset: h5py.Dataset) -> dict:
    """Read integers or strings as words."""
    if dataset.size > _MAX_WORDS or dataset.nbytes > 16 * _MAX_WORDS:
        raise _Refused(f"expected a few numbers or names, got shape {dataset.shape}")
    words = [word.decode("utf-8") if isinstance(word, bytes) else str(word) for word in np.ravel(dataset[()]).tolist()]
    if sum(map(len, words)) > 16 * _MAX_WORDS:
        raise _Refused(f"expected a few numbers or names, got {sum(map(len, words))} characters")
    return {"words": [part for word in words for part in word.split()]}


def _numbers(dataset: h5py.Dataset, size: int) -> dict:
    """Describe the numbers of a dataset, with their position in the file if they are contiguous."""
    _check_written(dataset)
    return {"dtype": dataset.dtype.str, "shape": dataset.shape, "offset": _offset(dataset, size)}


def _check_written(dataset: h5py.Dataset) -> None:
    """Raise `_Refused` for numbers that were never written: HDF5 would read zeros."""
    if dataset.chunks:
        if math.prod(dataset.chunks) * dataset.dtype.itemsize > _MAX_CHUNK_BYTES:
            raise _Refused(f"expected chunks below {_MAX_CHUNK_BYTES} bytes, got {dataset.chunks} of {dataset.dtype}")
        chunks = math.prod(-(-length // part) for length, part in zip(dataset.shape, dataset.chunks, strict=True))
        found = dataset.id.get_num_chunks()
        if found < chunks:
            raise _Refused(f"expected {chunks} chunks for shape {dataset.shape}, got {found}: not all was written")
    elif dataset.size and not dataset.id.get_storage_size():
        raise _Refused(f"expected numbers of shape {dataset.shape}, but they were never written")


def _offset(dataset: h5py.Dataset, size: int) -> int | None:
    """Return the offset of a dataset that is contiguous in its file and has a NumPy type, else None."""
    offset = None if dataset.chunks else dataset.id.get_offset()
    if offset is None or offset + dataset.nbytes > size:
        return None
    return offset if dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype)) else None


def _serve(seconds: float, answers: BinaryIO) -> None:
    """Answer requests until the input ends."""

    def further() -> None:
        signal.setitimer(signal.ITIMER_PROF, seconds)

    library = Library(further)
    for line in sys.stdin.buffer:
        further()
        answer, numbers = library.answer(json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer).encode() + b"\n" + numbers)
        answers.flush()


def _exit_reason(number: int, seconds: float) -> str:
    """Return the message for a process that a signal ended."""
    if number == signal.SIGPROF:
        return f"the HDF5 library did not finish in {seconds:g} s: the file is damaged; write it again"
    if number == signal.SIGKILL:
        return "the process that reads it was killed, perhaps because it took too much memory"
    return f"the HDF5 library crashed on it ({signal.Signals(number).name}): the file is damaged; write it again"


def main(seconds: float) -> int:
    """Run a child that answers requests. If a signal ends it, send an error and start a new child."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # the parent may still read while it handles the signal
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        child = os.fork()
        if child == 0:
            _serve(seconds, answers)
            return 0
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status >= 0:
            return status
        answers.write(json.dumps({"error": _exit_reason(-status, seconds)}).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
