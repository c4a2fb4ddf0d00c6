"""The input file that the tests start from."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def water() -> dict[str, Any]:
    """A complete input: two species, comments in every section."""
    return json.loads((HERE / "water.json").read_text())


@pytest.fixture
def changed(water) -> Callable[..., dict[str, Any]]:
    """A function that returns the water input with one key set, or removed when no value is given."""

    def change(path: str, *value: Any) -> dict[str, Any]:
        data = copy.deepcopy(water)
        *sections, key = path.split(".")
        table = data
        for section in sections:
            table = table[section]
        if value:
            table[key] = value[0]
        else:
            del table[key]
        return data

    return change
