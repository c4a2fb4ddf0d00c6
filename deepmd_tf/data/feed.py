"""Input of a training step: flat arrays of one batch under fixed names.

The atoms of all frames are concatenated, so that frames of different size and composition share a batch; padding
atoms are removed, so that later code cannot count them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepmd_tf.data.batch import Batch
from deepmd_tf.data.labels import OPTIONAL


class Field(NamedTuple):
    """Shape and type of an array of a batch.

    Attributes
    ----------
    per_atom
        True for a row per atom, False for a row per frame.
    width
        Numbers per row. An array of width 1 is a vector; None is a width that depends on the data.
    dtype
        Type of the numbers.
    """

    per_atom: bool
    width: int | None = 1
    dtype: type = np.float64

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Static shape of the array, with None for unknown sizes."""
        return (None,) if self.width == 1 else (None, self.width)


FIELDS: dict[str, Field] = {
    "coord": Field(per_atom=True, width=3),
    "type": Field(per_atom=True, dtype=np.int32),
    "frame_splits": Field(per_atom=False, dtype=np.int32),  # nframes + 1 entries
    "box": Field(per_atom=False, width=9),
    "periodic": Field(per_atom=False, dtype=np.bool_),
    **{label.name: Field(label.per_atom, label.width) for label in OPTIONAL},
    **{f"has_{label.name}": Field(per_atom=False) for label in OPTIONAL},
}
"""Arrays of a batch, by name."""


def feed(batches: Sequence[Batch]) -> dict[str, np.ndarray]:
    """Return the arrays of a batch, with the same names for any labels.

    Parameters
    ----------
    batches
        Parts of the batch, at least one; each has frames of one system.

    Returns
    -------
    dict
        `coord [natoms, 3]` (Å), `type [natoms]` (int32), `frame_splits [nframes + 1]` (int32; the atoms of frame f are
        `frame_splits[f]` to `frame_splits[f + 1]`), `box [nframes, 9]` (Å; zeros if open), `periodic [nframes]` (bool),
        `energy [nframes]` (eV), `force [natoms, 3]` (eV/Å), `virial [nframes, 9]` (eV), `atom_ener [natoms]`
        (eV), `fparam [nframes, nfparam]`, `aparam [natoms, naparam]`, and for each of the last six
        `has_<name> [nframes]`: 1.0, or 0.0 for a missing array, which is then zero. `natoms` counts the atoms of all
        frames.
    """
    nframes = [batch.nframes for batch in batches]
    real = [batch.real for batch in batches]
    atoms = [batch.nframes * batch.natoms for batch in batches]
    splits = np.zeros(sum(nframes) + 1, dtype=np.int32)
    np.cumsum(np.concatenate([_sizes(*pair) for pair in zip(batches, real, strict=True)]), out=splits[1:])
    boxes = [batch.box for batch in batches]
    result = {
        "coord": _rows([batch.coord for batch in batches], atoms, (3,), real),
        "type": _rows([batch.type for batch in batches], atoms, (), real),
        "frame_splits": splits,
        "box": _rows(boxes, nframes, (9,)),
        "periodic": np.repeat([box is not None for box in boxes], nframes),
    }
    present = np.zeros((len(OPTIONAL), len(batches)))
    for label, has in zip(OPTIONAL, present, strict=True):
        arrays = [getattr(batch, label.name) for batch in batches]
        if label.width is None:
            arrays, row = _drop_mixed_widths(arrays)
        else:
            row = () if label.width == 1 else (label.width,)
        has[:] = [array is not None for array in arrays]
        result[label.name] = _rows(arrays, atoms, row, real) if label.per_atom else _rows(arrays, nframes, row)
    present = np.repeat(present, nframes, axis=1)
    return result | {f"has_{label.name}": has for label, has in zip(OPTIONAL, present, strict=True)}


def _sizes(batch: Batch, real: np.ndarray | None) -> np.ndarray:
    """Return the number of atoms of each frame without padding, `[nframes]`."""
    return np.full(batch.nframes, batch.natoms) if real is None else real.sum(axis=1)


def _drop_mixed_widths(arrays: list[np.ndarray | None]) -> tuple[list[np.ndarray | None], tuple[int]]:
    """Return parameters and the shape of a row, `(0,)` if there are none.

    If their widths differ, all are dropped: the model does not use them, because `check_labels` requires equal widths
    of parameters that it uses.
    """
    widths = {array.shape[-1] for array in arrays if array is not None}
    if len(widths) > 1:
        return [None] * len(arrays), (0,)
    return arrays, (max(widths, default=0),)


def _rows(
    arrays: list[np.ndarray | None],
    counts: list[int],
    row: tuple[int, ...],
    real: Sequence[np.ndarray | None] | None = None,
) -> np.ndarray:
    """Return the concatenated arrays without rows of padding atoms; absent arrays are zero.

    Parameters
    ----------
    arrays
        Arrays of `counts` rows.
    counts
        Numbers of rows, including padding atoms.
    row
        Shape of a row.
    real
        Masks of rows that are not padding; None if there is no padding.
    """
    parts = []
    for array, count, kept in zip(arrays, counts, real or [None] * len(counts), strict=True):
        rows = np.zeros((count, *row)) if array is None else array.reshape(count, *row)
        parts.append(rows if kept is None else rows[kept.ravel()])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
