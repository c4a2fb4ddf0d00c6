"""Checks of the numbers in a file: every one finite, every cell with a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmd_tf.data.labels import Label
from deepmd_tf.errors import InputError

_CHUNK_NUMBERS = 4 * 1024**2
FLATNESS = 1e-8
"""A cell whose volume is below this fraction of the product of its edge lengths is degenerate."""


def check_finite(rows: np.ndarray, label: Label, path: Path) -> None:
    """Raise `InputError` naming file, frame and atom of the first number that is not finite.

    Parameters
    ----------
    rows
        The array of the file, `[nframes, ncolumns]`; large ones are looked at piece by piece.
    label
        What the columns are.
    path
        The file.
    """
    step = max(1, _CHUNK_NUMBERS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        finite = np.isfinite(rows[start : start + step])
        if finite.all():
            continue
        frame, column = np.argwhere(~finite)[0]
        value = rows[start + frame, column]
        place = f"frame {start + frame}"
        if label.per_atom:
            width = label.width or 1
            place += f", atom {column // width}" if label.width else f", column {column}"
            place += f", component {column % width}" if width > 1 else ""
        elif rows.shape[1] > 1:
            place += f", component {column}"
        raise InputError(f"{path}: {place} (counted from 0): expected a finite number, got {value}")


def check_cells(rows: np.ndarray, path: Path) -> None:
    """Raise `InputError` naming the first frame of `rows` `[nframes, 9]` (Å) whose cell vectors span no volume."""
    cells = np.asarray(rows, dtype=np.float64).reshape(-1, 3, 3)
    volume = np.abs(np.linalg.det(cells))
    edges = np.prod(np.linalg.norm(cells, axis=2), axis=1)
    flat = np.flatnonzero(~(volume > FLATNESS * edges))
    if len(flat):
        frame = int(flat[0])
        raise InputError(
            f"{path}: frame {frame} (counted from 0): expected cell vectors that span a volume, got a volume of "
            f"{volume[frame]:.3g} Å^3 from {cells[frame].tolist()}; for a system without a cell add an empty file nopbc"
        )
