"""What a fault led to, as rows of a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..runs import Result, dp

LONGEST = 150


@dataclass
class Section:
    """One kind of faults.

    Attributes
    ----------
    title, summary : str
        For the document.
    cases : int
        How many were tried.
    table : list of str
        Lines of a Markdown table.
    failures : list of str
        Cases that did not end as they should.
    """

    title: str
    summary: str = ""
    cases: int = 0
    table: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def header(self, *names: str) -> None:
        """Begin the table."""
        self.table += [row(names), row(["---"] * len(names))]

    def case(self, name: str, good: bool, *cells: object) -> None:
        """Add a case as a row."""
        self.count(name, good)
        self.table.append(row([name, *cells]))

    def count(self, name: str, good: bool) -> None:
        """Count a case that has no row of its own."""
        self.cases += 1
        if not good:
            self.failures.append(f"{self.title}: {name}")


def row(cells: Sequence[object]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


@contextmanager
def inside(place: Path) -> Iterator[None]:
    """Work in a directory."""
    before = os.getcwd()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(before)


def answered(result: Result, status: int = 2) -> bool:
    """Whether a command ended as it should: with this status, one message, no traceback."""
    return result.status == status and result.err.count("error: ") == (status == 2) and "Traceback" not in result.err


def message(result: Result, place: Path | None = None) -> str:
    """The message of a command in few words, the same wherever it ran."""
    text = " ".join(result.message.replace(str(place or os.getcwd()), "DIR").split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def run(*arguments: object) -> Result:
    """Run a command in this process; an exception that escapes counts as a traceback."""
    try:
        return dp(*arguments)
    except Exception as error:
        return Result(1, "", f"Traceback: {error!r}")
