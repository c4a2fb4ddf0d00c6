"""A kill before any chosen operation on the file system."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

_EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.listdir", "os.scandir", "tempfile.mkstemp")


class Killed(BaseException):
    """What stands for a SIGKILL: no `except Exception` catches it."""


class Operations:
    """Counts the file operations inside `watched`, and fails them all from number `fatal` on.

    After a kill nothing runs any more, so clean-up code must not get through either.
    """

    def __init__(self, directory: Path, fatal: float):
        self.directory, self.fatal, self.count = str(directory), fatal, 0

    def __call__(self, event: str, arguments: tuple) -> None:
        """Take note of an audit event of the interpreter."""
        opened = event == "open" and str(arguments[0]).startswith(self.directory)
        if opened or event in _EVENTS:
            self.count += 1
            if self.count >= self.fatal:
                raise Killed(f"{event} {arguments}")


_current: Operations | None = None


def _hook(event: str, arguments: tuple) -> None:
    if _current is not None:
        _current(event, arguments)


_installed = False


@contextlib.contextmanager
def watched(directory: Path, fatal: float = float("inf")) -> Iterator[Operations]:
    """Count file operations; from number `fatal` on they fail, and `Killed` ends the block."""
    global _current, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    _current = Operations(directory, fatal)
    try:
        yield _current
    except Killed:
        pass
    finally:
        _current = None
