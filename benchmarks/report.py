"""Ratios with their spread, and the tables that show them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """The ratio of medians, and in brackets the quartiles of the ratios of neighbouring measurements."""
    theirs, ours = np.asarray(theirs), np.asarray(ours)
    low, high = np.quantile(theirs / ours, [0.25, 0.75])
    return f"{np.median(theirs) / np.median(ours):.2f} ({low:.2f} - {high:.2f})"


def milliseconds(times: Sequence[float]) -> str:
    """The median and the quartiles."""
    low, middle, high = np.quantile(np.asarray(times) * 1e3, [0.25, 0.5, 0.75])
    return f"{middle:.1f} ({low:.1f} - {high:.1f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned."""
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )


def publish(name: str, title: str, facts: Sequence[str], parts: Sequence[str]) -> None:
    """Print a report and store it in ``results/NAME.md``.

    Parameters
    ----------
    name : str
        Of the file, without suffix.
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
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to benchmarks/results/{name}.md", flush=True)


def _without_path(argument: str) -> str:
    """The argument with directories of this machine left out."""
    return "DIR" if "/" in argument else shlex.quote(argument)
