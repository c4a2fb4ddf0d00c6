"""Parity plots and learning curves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write
from deepmd_tf.infer.comparison import QUANTITIES, Comparison, pool_errors


def parity_plot(comparisons: Sequence[Comparison]) -> Figure:
    """Draw predictions against labels, one panel per quantity. The mean energy is subtracted."""
    errors = pool_errors(comparisons)
    names = [name for name in ("energy_per_atom", "force", "virial_per_atom") if name in errors]
    figure = Figure(figsize=(4.2 * len(names), 4.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        quantity = QUANTITIES[name]
        pairs = [c.pair(name) for c in comparisons if quantity.label in c.data]
        data, predicted = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
        shift = data.mean() if name == "energy_per_atom" else 0.0
        low, high = min(data.min(), predicted.min()) - shift, max(data.max(), predicted.max()) - shift
        axis.plot([low, high], [low, high], color="0.6", linewidth=1)
        axis.plot(data - shift, predicted - shift, ".", markersize=3, alpha=0.4, rasterized=True)
        title = f"{quantity.title} - mean" if shift else quantity.title
        axis.set_xlabel(f"{title}, labeled ({quantity.unit})")
        axis.set_ylabel(f"predicted ({quantity.unit})")
        axis.set_title(f"RMSE {errors[name].rmse:.3g}, MAE {errors[name].mae:.3g} {quantity.unit}")
        axis.set_aspect("equal", adjustable="datalim")
    return figure


_PANELS = {"rmse_e": "energy (eV/atom)", "rmse_f": "force (eV/Å)", "rmse_v": "virial (eV/atom)"}
_PARTS = {"val": ("validation", "-"), "trn": ("training", "--")}


def lcurve_plot(curves: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Draw learning curves, one panel per quantity: solid lines for validation, dashed lines for training.

    Parameters
    ----------
    curves : dict
        Columns of each learning curve, keyed by its name in the legend.
    """
    shown = [
        name for name in _PANELS if any(_positive_rows(c, name, part).any() for c in curves.values() for part in _PARTS)
    ]
    if not shown:
        raise InputError("no learning curve has a column rmse_e_*, rmse_f_* or rmse_v_* with a number above 0")
    figure = Figure(figsize=(4.6 * len(shown), 3.8), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        for number, (label, curve) in enumerate(curves.items()):
            for part, (text, style) in _PARTS.items():
                rows = _positive_rows(curve, name, part)
                if rows.any():
                    axis.plot(
                        curve["step"][rows],
                        curve[f"{name}_{part}"][rows],
                        style,
                        marker="." if rows.sum() == 1 else None,
                        color=f"C{number}",
                        label=text if len(curves) == 1 else f"{label}, {text}",
                    )
        axis.set_yscale("log")
        axis.set_xlabel("step")
        axis.set_ylabel(f"RMSE of {_PANELS[name]}")
        axis.legend()
    return figure


def _positive_rows(curve: dict[str, np.ndarray], name: str, part: str) -> np.ndarray:
    """Return a mask ``[nlines]`` of the rows with a positive value; an empty mask if the column is missing."""
    values = curve.get(f"{name}_{part}")
    return np.zeros(0, bool) if values is None or "step" not in curve else values > 0


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format given by the file extension, or as PNG if there is none.

    Raises
    ------
    InputError
        If the format is unknown or the file cannot be written. An existing file is then unchanged.
    """
    image = io.BytesIO()
    try:
        figure.savefig(image, format=Path(path).suffix.lstrip(".") or "png", dpi=150)
    except ValueError as error:
        raise InputError(f"cannot write the plot {path}: {error}") from error
    atomic_write(path, image.getvalue())
