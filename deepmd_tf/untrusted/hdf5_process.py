"""The process that reads HDF5 files, as seen by who asks it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from deepmd_tf.errors import InputError

PATIENCE = 30.0
"""Seconds of the processor that the HDF5 library may spend without getting further."""

LIBRARY = Path(__file__).with_name("hdf5_library.py")
"""Script that the process runs."""


class HDF5Process:
    """The process; it starts when it is first asked, and anew if it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._errors = None  # what the process writes when it fails
        atexit.register(self.end)

    def ask(self, place: str, **request) -> tuple[dict, bytes]:
        """Return the answer to a request, and the numbers that belong to it.

        Parameters
        ----------
        place
            What it is about, for messages.
        request
            See `hdf5_library`.

        Raises
        ------
        InputError
            The file cannot be read; or the library crashed on it or did not end, so it must be damaged.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self.end()
            if self._process is None:
                self._start()
            try:
                answer, numbers = self._exchange(json.dumps(request).encode() + b"\n")
            except (BrokenPipeError, EOFError):
                raise InputError(f"{place}: {self._epitaph()}") from None
            except BaseException:
                self.end()  # what it answers would be taken for the next answer
                raise
        if "error" in answer:
            raise InputError(f"{place}: {answer['error']}")
        return answer, numbers

    def close(self, files: set[str]) -> None:
        """Close files, if the process has them open."""
        if files and self._process is not None:
            with contextlib.suppress(InputError):  # then it has ended, and they are closed
                self.ask("", do="close", files=sorted(files))

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):  # what it has not read is of no use
                stream.close()
        self._process = None

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, str(LIBRARY), str(PATIENCE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONSAFEPATH": "1"},  # modules beside that file are not what it imports
        )

    def _exchange(self, request: bytes) -> tuple[dict, bytes]:
        self._process.stdin.write(request)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        numbers = self._process.stdout.read(answer.get("nbytes", 0))
        if len(numbers) < answer.get("nbytes", 0):
            raise EOFError
        return answer, numbers

    def _epitaph(self) -> str:
        """Say how the process ended, and leave nothing of it."""
        status = self._process.wait()
        self._errors.seek(0)
        text = [line for line in self._errors.read().decode(errors="replace").split("\n") if line.strip()]
        self.end()
        return f"the process that reads HDF5 files ended with status {status}{f': {text[-1][:200]}' if text else ''}"


READER = HDF5Process()
"""The one of this program."""
