"""What every test of the model asks for."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def all_neighbors_fit(caplog):
    """Fail when a frame has more neighbors than the model has slots: its energies would jump."""
    yield
    assert not [record.getMessage() for record in caplog.get_records("call")]
