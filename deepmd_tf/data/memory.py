"""How much of the data is kept in memory, and how many files are mapped into it."""

from __future__ import annotations

import os
from pathlib import Path

KEPT_FRACTION = 0.25
"""Part of the machine's memory that arrays are kept in; the rest of the data is read when it is needed."""

MOST_MAPS = 200
"""Memory maps at a time; each holds a file descriptor, of which a process usually has 1024."""

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Memory:
    """What is left of the memory and of the maps for the data of a run.

    Parameters
    ----------
    nbytes
        Memory for arrays; by default a quarter of what this process may use.
    maps
        Number of files that may be mapped.
    """

    def __init__(self, nbytes: int | None = None, maps: int = MOST_MAPS) -> None:
        self._nbytes = int(KEPT_FRACTION * available()) if nbytes is None else nbytes
        self._maps = maps

    def keep(self, nbytes: int) -> bool:
        """Reserve memory for an array; False when there is not enough left."""
        if nbytes > self._nbytes:
            return False
        self._nbytes -= nbytes
        return True

    def map(self) -> bool:
        """Reserve a memory map; False when all are taken."""
        self._maps -= 1
        return self._maps >= 0


def available() -> int:
    """Bytes of memory that this process may use: the machine's, or fewer in a job with a limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in map(Path, _CGROUP_LIMITS):
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)
