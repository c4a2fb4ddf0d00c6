"""Client of the process that reads HDF5 files."""

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
"""CPU time (seconds) that the HDF5 library may take without progress."""

LIBRARY = Path(__file__).with_name("hdf5_library.py")
"""Script that the process runs."""


class HDF5Process:
    """Process that reads HDF5 files. It starts at the first request, and again if it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._errors = None  # standard error of the process
        atexit.register(self.end)

    def ask(self, place: str, **request) -> tuple[dict, bytes]:
        """Return the answer to a request, and the numbers that belong to it.

        Parameters
        ----------
        place
            File or dataset, for messages.
        request
            See `hdf5_library`.

        Raises
        ------
        InputError
            If the file cannot be read, or the library crashed on it or did not finish.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self.end()
            if self._process is None:
                self._start()
            try:
                answer, numbers = self._exchange(json.dumps(request).encode() + b"\n")
            except (BrokenPipeError, EOFError):
                raise InputError(f"{place}: {self._exit_reason()}") from None
            except BaseException:
                self.end()  # a late answer would be read as the next answer
                raise
        if "error" in answer:
            raise InputError(f"{place}: {answer['error']}")
        return answer, numbers

    def close(self, files: set[str]) -> None:
        """Close files, if the process has them open."""
        if files and self._process is not None:
            with contextlib.suppress(InputError):  # the process has ended, so the files are closed
                self.ask("", do="close", files=sorted(files))

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):  # unread input is not needed
                stream.close()
        self._process = None

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, str(LIBRARY), str(PATIENCE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONSAFEPATH": "1"},  # do not import modules beside that file
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

    def _exit_reason(self) -> str:
        """Return the message for an ended process, and clean it up."""
        status = self._process.wait()
        self._errors.seek(0)
        text = [line for line in self._errors.read().decode(errors="replace").split("\n") if line.strip()]
        self.end()
        return f"the process that reads HDF5 files ended with status {status}{f': {text[-1][:200]}' if text else ''}"


READER = HDF5Process()
"""Process shared by the whole program."""
