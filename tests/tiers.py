"""Parameters of tests of which only some run among the quick tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest


def slow_but(quick: Collection, values: Iterable) -> list:
    """Return the values as parameters, those outside `quick` marked slow."""
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in values]
