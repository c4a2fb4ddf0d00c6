"""Checks of the numbers in a file: finite values, volume of cells, precision of energies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmd_tf.data.labels import Label
from deepmd_tf.errors import refuse

_CHUNK_NUMBERS = 4 * 1024**2
_MAX_SHOWN = 5
FLATNESS = 1e-8
"""Smallest volume of a cell as a fraction of the product of its edge lengths; below it the cell is degenerate."""

ENERGY_ROUNDING = 1e-5
"""Smallest rounding of a stored energy (eV per atom) that causes a warning."""


def check_finite(rows: np.ndarray, label: Label, path: str | Path) -> None:
    """Raise `InputError` naming file, frame and atom of the first number that is not finite.

    If problems are collected, one is recorded for each such frame, up to five, and then the number of other frames.

    Parameters
    ----------
    rows
        The array of the file, `[nframes, ncolumns]`; large ones are checked in pieces.
    label
        Label in the columns.
    path
        The file.
    """
    step = max(1, _CHUNK_NUMBERS // max(1, rows.shape[1]))
    bad = 0
    for start in range(0, len(rows), step):
        piece = np.asarray(rows[start : start + step])
        finite = np.isfinite(piece)
        for frame in np.flatnonzero(~finite.all(axis=1)):
            bad += 1
            if bad <= _MAX_SHOWN:
                column = int(finite[frame].argmin())
                _refuse_number(piece[frame, column], start + int(frame), column, label, path, rows.shape[1])
    if bad > _MAX_SHOWN:
        refuse(f"{path}: {bad - _MAX_SHOWN} more frames with numbers that are not finite")


def _refuse_number(value: float, frame: int, column: int, label: Label, path: str | Path, ncolumns: int) -> None:
    place = f"frame {frame}"
    if label.per_atom:
        width = label.width or 1
        place += f", atom {column // width}" if label.width else f", column {column}"
        place += f", component {column % width}" if width > 1 else ""
    elif ncolumns > 1:
        place += f", component {column}"
    refuse(f"{path}: {place} (counted from 0): expected a finite number, got {value}")


def check_cells(rows: np.ndarray, path: str | Path) -> None:
    """Raise `InputError` naming the first frame of `rows` `[nframes, 9]` (Å) with a cell of zero volume.

    If problems are collected, up to five of these frames are recorded. Frames with numbers that are not finite are
    ignored; see `check_finite`.
    """
    cells = np.asarray(rows, dtype=np.float64).reshape(-1, 3, 3)
    with np.errstate(over="ignore", invalid="ignore"):
        volume = np.abs(np.linalg.det(cells))
        edges = np.prod(np.linalg.norm(cells, axis=2), axis=1)
        flat = np.flatnonzero(~(volume > FLATNESS * edges) & np.isfinite(cells).all(axis=(1, 2)))
    for frame in map(int, flat[:_MAX_SHOWN]):
        refuse(
            f"{path}: frame {frame} (counted from 0): expected cell vectors that span a volume, got a volume of "
            f"{volume[frame]:.3g} Å^3 from {cells[frame].tolist()}; for a system without a cell add an empty file nopbc"
        )
    if len(flat) > _MAX_SHOWN:
        refuse(f"{path}: {len(flat) - _MAX_SHOWN} more frames with cell vectors that span no volume")


def single_precision_rounding(energy: np.ndarray, natoms: np.ndarray) -> float:
    """Return the largest rounding error (eV per atom) of energies in float32.

    The energies are `[nframes]` (eV) of frames with `natoms` `[nframes]` atoms. Energies that are not finite are
    ignored; see `check_finite`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rounding = np.spacing(np.abs(energy).astype(np.float32)) / 2 / natoms
    return float(np.fmax.reduce(rounding, initial=0.0))
