"""Figures of reports: panels side by side, with quartiles as error bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.findings import Panel, Series

_COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")


def draw(panels: list[Panel], path: Path) -> None:
    """Write the panels as an SVG file; the same numbers give the same bytes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmarks"
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(panels), 3.6), layout="constrained")
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        _draw_panel(axes, panel)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _draw_panel(axes, panel: Panel) -> None:
    named = any(isinstance(x, str) for series in panel.series for x in series.x)
    names = list(dict.fromkeys(x for series in panel.series for x in series.x)) if named else []
    width = 0.8 / max(1, len(panel.series))
    for k, (series, color) in enumerate(zip(panel.series, _COLORS, strict=False)):
        middle, errors = _bars_of(series)
        if named:
            x = np.array([names.index(x) for x in series.x]) + (k - (len(panel.series) - 1) / 2) * width
            axes.bar(x, middle, width, yerr=errors, label=series.label, color=color, capsize=2)
        else:
            axes.errorbar(series.x, middle, errors, label=series.label, color=color, marker="o", markersize=3)
    if named:
        axes.set_xticks(range(len(names)), names)
    if "x" in panel.log:
        axes.set_xscale("log")
    if "y" in panel.log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize="small")


def _bars_of(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle values, and the distances to the lower and upper quartile."""
    middle, low, high = np.array(series.y, float).reshape(-1, 3).T
    return middle, np.maximum(0, [middle - low, high - middle])
