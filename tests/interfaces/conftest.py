from __future__ import annotations

import pytest

from ..interop.conftest import peer  # noqa: F401
from ..lammps.conftest import lammps  # noqa: F401
from .interfaces import INTERFACES, Result
from .systems import SYSTEMS


@pytest.fixture(scope="session")
def results(request):
    """Return a function that gives the results of an interface on all systems it supports; each interface runs once."""
    known: dict[str, dict[str, Result]] = {}

    def evaluate(name: str) -> dict[str, Result]:
        if name not in known:
            interface = INTERFACES[name]
            taken = {label: system for label, system in SYSTEMS.items() if interface.takes(system)}
            known[name] = interface.evaluate(taken, request)
        return known[name]

    return evaluate
