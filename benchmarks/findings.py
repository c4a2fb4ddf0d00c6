"""Result of one kind of measurement: a table, an explanation and the data of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.report import Spread


@dataclass
class Series:
    """Points of one line (numbers on the abscissa) or bars of one color (names on the abscissa)."""

    label: str
    x: list = field(default_factory=list)
    y: list[Spread] = field(default_factory=list)

    def add(self, x: float | str, y: Spread) -> None:
        """Append a point."""
        self.x.append(x)
        self.y.append(y)


@dataclass(frozen=True)
class Panel:
    """One diagram; `log` lists the logarithmic axes (``"x"``, ``"y"``, ``"xy"``)."""

    xlabel: str
    ylabel: str
    series: Sequence[Series]
    log: str = ""


@dataclass(frozen=True)
class Findings:
    """Result of one kind of measurement.

    Attributes
    ----------
    note : str
        Explanation of the table.
    header, rows : sequence
        The table.
    panels : sequence of Panel
        Panels of the figure; empty for no figure.
    """

    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    panels: Sequence[Panel] = ()
