from __future__ import annotations

import pytest

from .lammps import Lammps, missing


@pytest.fixture(scope="session")
def lammps(tmp_path_factory):
    """LAMMPS with the plugin, or a skip that says how to get it."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    return Lammps(tmp_path_factory.mktemp("lammps"))
