"""Fixtures of all kernel benchmarks: water of the sizes of the other benchmarks, and one core per thread."""

from __future__ import annotations

import os

import pytest

from benchmarks.inputs import ATOMS
from benchmarks.kernels.systems import Water, water

_PROCESSORS = sorted(os.sched_getaffinity(0))
THREADS = [count for count in (1, 2) if count <= len(_PROCESSORS)]
NATOMS = (ATOMS, 8 * ATOMS)


@pytest.fixture(params=NATOMS, ids=lambda natoms: f"{natoms} atoms")
def frame(request) -> Water:
    """Return a box of water with its neighbors."""
    return water(request.param)


@pytest.fixture(params=THREADS, ids=lambda count: f"{count} threads")
def threads(request):
    """Return the number of threads, and pin the process to as many processors."""
    os.sched_setaffinity(0, _PROCESSORS[: request.param])
    yield request.param
    os.sched_setaffinity(0, _PROCESSORS)
