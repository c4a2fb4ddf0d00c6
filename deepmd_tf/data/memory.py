"""Limits on the data in memory and on the number of mapped files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

KEPT_FRACTION = 0.25
"""Fraction of the memory that is used for arrays; other data are read on demand."""

MAX_MAPS = 200
"""Maximum number of memory maps; each needs a file descriptor, and a process usually has 1024."""

_LIMITS = {
    "memory.max": ("sys/fs/cgroup", "sys/fs/cgroup/unified"),
    "memory.limit_in_bytes": ("sys/fs/cgroup/memory",),
}
"""Files with the memory limit of a control group (version 2 and version 1), and the directories of their trees."""


class Memory:
    """Remaining memory and number of mapped files for the data of a run.

    Parameters
    ----------
    nbytes
        Memory for arrays; by default a quarter of the memory available to this process.
    maps
        Maximum number of mapped files.
    sharing
        Number of processes on this machine that each hold the data and share this quarter equally.
    """

    def __init__(self, nbytes: int | None = None, maps: int = MAX_MAPS, *, sharing: int = 1) -> None:
        self._nbytes = int(KEPT_FRACTION * available() / sharing) if nbytes is None else nbytes
        self._maps = maps

    def keep(self, nbytes: int) -> bool:
        """Reserve memory for an array; return False if there is not enough."""
        if nbytes > self._nbytes:
            return False
        self._nbytes -= nbytes
        return True

    def map(self) -> bool:
        """Reserve a memory map; return False if all are in use."""
        self._maps -= 1
        return self._maps >= 0


def available(root: str | Path = "/") -> int:
    """Return the bytes of memory available to this process: those of the machine, or the limit of the job.

    Parameters
    ----------
    root
        Root of the file system.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _limits(Path(root)):
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)


def _limits(root: Path) -> Iterator[Path]:
    """Yield the files with the limits of the control groups of this process, from its own group to the root.

    A scheduler sets the limit of a job on a group above that of the process. In a container, the group of the process
    may be the visible root.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    groups = {name: {"/"} for name in _LIMITS}
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        name = "memory.limit_in_bytes" if "memory" in controllers.split(",") else "memory.max"
        if name == "memory.max" and controllers:
            continue
        groups[name].update(str(each) for each in (PurePosixPath(path), *PurePosixPath(path).parents))
    for name, trees in _LIMITS.items():
        for tree in trees:
            yield from (root / tree / group.lstrip("/") / name for group in sorted(groups[name]))
