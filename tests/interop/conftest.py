from __future__ import annotations

import pytest

from .peer import VARIABLE, Peer, peer_python


def pytest_collection_modifyitems(items):
    for item in items:
        if "interop" in item.path.parts:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    """Return DeePMD-kit, or skip with a message that explains how to install it."""
    python = peer_python()
    if not python.exists():
        pytest.skip(f"DeePMD-kit's environment is absent: no {python}; `make interop` makes it, or set {VARIABLE}")
    peer = Peer(python, tmp_path_factory.mktemp("peer"))
    yield peer
    peer.close()
