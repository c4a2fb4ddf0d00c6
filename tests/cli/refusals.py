"""Checks that every refusal must pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..runs import contents, dp


def refused(place: Path, arguments: Sequence[object], words: Sequence[str]) -> str:
    """Run a command that must fail with one message that contains `words`; return the message.

    The exit status is 2, there is no traceback, and no file is changed or created.
    """
    before = contents(place)
    result = dp(*arguments)
    assert result.status == 2, result
    assert result.err.count("error: ") == 1, result.err
    assert "Traceback" not in result.err
    assert result.out == ""
    missing = [word for word in words if word not in result.message]
    assert not missing, f"{missing} not in {result.message!r}"
    after = contents(place)
    assert {name for name in before | after if before.get(name) != after.get(name)} == set()
    return result.message
