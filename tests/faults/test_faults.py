"""The table of faults with a few kill points: every fault ends as it should."""

from __future__ import annotations

import pytest

from ..runs import Result
from . import damage, interruptions, malformed
from .outcomes import Section, answered, message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "fewest"),
    [
        (lambda place: interruptions.kills(place, 5), 5),
        (interruptions.full_disks, 5),
        (interruptions.closed_directories, 4),
        (damage.files, 360),
        (malformed.inputs, 200),
    ],
    ids=["kills", "full disks", "closed directories", "damage", "malformed"],
)
def test_faults(make, fewest, tmp_path):
    section = make(tmp_path / "place")
    assert section.failures == []
    assert section.cases >= fewest
    assert section.summary


def test_what_counts_as_an_answer(tmp_path):
    assert answered(Result(2, "", "dp train: error: no such file"))
    assert not answered(Result(2, "", "dp train: error: a\nTraceback (most recent call last)"))
    assert not answered(Result(1, "", "Traceback: KeyError('x')"))
    assert not answered(Result(2, "", ""))
    assert answered(Result(0, "", "done"), 0)
    assert message(Result(2, "", f"dp: error: {tmp_path}/x:\n  bad"), tmp_path) == "DIR/x: bad"


def test_cases_that_fail_are_counted():
    section = Section("some")
    section.header("a", "b")
    section.case("one", True, 1)
    section.case("tw|o", False, 2)
    assert (section.cases, section.failures) == (2, ["some: tw|o"])
    assert section.table == ["| a | b |", "| --- | --- |", "| one | 1 |", "| tw\\|o | 2 |"]
