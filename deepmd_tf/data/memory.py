"""Limits on the data in memory and on the number of mapped files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

KEPT_FRACTION = 0.25
"""Part of the machine's memory that arrays are kept in; the rest of the data is read when it is needed."""

MAX_MAPS = 200
"""Memory maps at a time; each holds a file descriptor, of which a process usually has 1024."""

_LIMITS = {
    "memory.max": ("sys/fs/cgroup", "sys/fs/cgroup/unified"),
    "memory.limit_in_bytes": ("sys/fs/cgroup/memory",),
}
"""Files with the limit of a control group, of the second and the first version, and where their trees are."""


class Memory:
    """Remaining memory and number of mapped files for the data of a run.

    Parameters
    ----------
    nbytes
        Memory for arrays; by default a quarter of what this process may use.
    maps
        Number of files that may be mapped.
    sharing
        Processes of this machine that each keep the data, and have an equal part of that quarter.
    """

    def __init__(self, nbytes: int | None = None, maps: int = MAX_MAPS, *, sharing: int = 1) -> None:
        self._nbytes = int(KEPT_FRACTION * available() / sharing) if nbytes is None else nbytes
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


def available(root: str | Path = "/") -> int:
    """Bytes of memory that this process may use: the machine's, or fewer in a job with a limit.

    Parameters
    ----------
    root
        Where the system's files are.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _limits(Path(root)):
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)


def _limits(root: Path) -> Iterator[Path]:
    """Yield the files with the limits of the control groups that this process is in, from its own to the root.

    A scheduler sets the limit of a job on some group above that of the process; in a container the own group may be
    the root of what can be seen.
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
