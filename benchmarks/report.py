"""Numbers with their spread, tables and reports."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

RESULTS = Path(__file__).parent / "results"


class Spread(NamedTuple):
    """A middle value and quartiles around it."""

    middle: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        """Return the middle value, and the quartiles in brackets."""
        return f"{self.middle:.{digits}f} ({self.low:.{digits}f} - {self.high:.{digits}f})"


def spread_of_ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return the ratio of medians, with the quartiles of the ratios of neighboring turns."""
    above, below = np.asarray(above), np.asarray(below)
    low, high = np.quantile(above / below, [0.25, 0.75])
    return Spread(float(np.median(above) / np.median(below)), float(low), float(high))


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles."""
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return Spread(float(middle), float(low), float(high))


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """Return `spread_of_ratio` as text."""
    return spread_of_ratio(theirs, ours).text()


def milliseconds(times: Sequence[float]) -> str:
    """Return the `spread` of times in seconds as text in milliseconds."""
    return spread(np.asarray(times) * 1e3).text(1)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )


def publish(path: Path, title: str, facts: Sequence[str], parts: Sequence[str]) -> None:
    """Print and store a report.

    Parameters
    ----------
    path : Path
        The Markdown file.
    title : str
        Heading.
    facts : sequence of str
        Machine, versions and data: one list item each.
    parts : sequence of str
        Paragraphs and tables.
    """
    command = " ".join(["python -m benchmarks", *map(_without_path, sys.argv[1:])])
    items = "\n".join(f"- {fact}" for fact in (*facts, f"command: `{command}`"))
    text = "\n\n".join([f"# {title}", items, *parts]) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to {path.name}", flush=True)


def _without_path(argument: str) -> str:
    """Return the argument without directories of this machine."""
    return "DIR" if "/" in argument else shlex.quote(argument)
