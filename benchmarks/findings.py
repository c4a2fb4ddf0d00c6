"""What a kind of measurement hands to the report: a table, how to read it, and what to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.report import Spread


@dataclass
class Series:
    """Points of one line (numbers on the abscissa) or one color of bars (names on the abscissa)."""

    label: str
    x: list = field(default_factory=list)
    y: list[Spread] = field(default_factory=list)

    def add(self, x: float | str, y: Spread) -> None:
        """Append a point."""
        self.x.append(x)
        self.y.append(y)


@dataclass(frozen=True)
class Panel:
    """One diagram: `log` names the axes (``"x"``, ``"y"``, ``"xy"``) that are logarithmic."""

    xlabel: str
    ylabel: str
    series: Sequence[Series]
    log: str = ""


@dataclass(frozen=True)
class Findings:
    """The outcome of one kind of measurement.

    Attributes
    ----------
    note : str
        How to read the table.
    header, rows : sequence
        The table.
    panels : sequence of Panel
        What to draw; empty for no figure.
    """

    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    panels: Sequence[Panel] = ()
