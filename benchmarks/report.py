"""Numbers with their spread, and the tables that show them."""

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
        """The middle, and the quartiles in brackets."""
        return f"{self.middle:.{digits}f} ({self.low:.{digits}f} - {self.high:.{digits}f})"


def spread_of_ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The ratio of medians, with the quartiles of the ratios of neighboring turns."""
    above, below = np.asarray(above), np.asarray(below)
    low, high = np.quantile(above / below, [0.25, 0.75])
    return Spread(float(np.median(above) / np.median(below)), float(low), float(high))


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles."""
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return Spread(float(middle), float(low), float(high))


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """`spread_of_ratio` in words."""
    return spread_of_ratio(theirs, ours).text()


def milliseconds(times: Sequence[float]) -> str:
    """`spread` of times in seconds, in words."""
    return spread(np.asarray(times) * 1e3).text(1)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned."""
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )


def publish(path: Path, title: str, facts: Sequence[str], parts: Sequence[str]) -> None:
    """Print a report and store it.

    Parameters
    ----------
    path : Path
        The Markdown file.
    title : str
        Its heading.
    facts : sequence of str
        The machine, versions, what was measured: one list item each.
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
    """The argument with directories of this machine left out."""
    return "DIR" if "/" in argument else shlex.quote(argument)
