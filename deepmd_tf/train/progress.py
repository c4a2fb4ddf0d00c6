"""How far a run is, beside its parameters and its optimizer: what a checkpoint's metadata say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.descriptor.tabulated import MAX_PANELS
from deepmd_tf.errors import InputError
from deepmd_tf.loss import METRICS


@dataclass(frozen=True)
class Progress:
    """What a restart takes up.

    Attributes
    ----------
    best : float
        The least validation error so far; infinite before the first.
    sums : ndarray
        Of the metrics since the last line of the learning curve ``[len(METRICS)]``.
    summed : int
        Over how many steps.
    panels : int or list of int
        How finely the embedding is tabulated, of each member of a hybrid descriptor.
    data : dict
        What the frozen graph will carry on about the data.
    """

    best: float
    sums: np.ndarray
    summed: int
    panels: int | list[int]
    data: dict

    def metadata(self) -> dict:
        """Return it as `read_progress` reads it, JSON."""
        rest = {"summed": self.summed, "panels": self.panels, "data": self.data}
        return {"best": self.best, "sums": self.sums.tolist(), **rest}


def read_progress(checkpoint: StoredCheckpoint, panels: int | tuple[int, ...]) -> Progress:
    """Read the progress of a run.

    Parameters
    ----------
    checkpoint : StoredCheckpoint
        Whose metadata are read.
    panels : int or tuple of int
        Of a descriptor like its model's.

    Raises
    ------
    InputError
        When they are not what a run writes.
    """
    stored = checkpoint.metadata

    def checked(key: str, good: bool) -> Any:
        if not good:
            raise InputError(f"{checkpoint.path}: its {key}, {str(stored[key])[:80]!r}, is not what a run writes")
        return stored[key]

    best, sums = stored["best"], stored["sums"]
    several = isinstance(panels, tuple)
    resolutions = stored["panels"] if several else [stored["panels"]]
    return Progress(
        checked("best", isinstance(best, float) and not math.isnan(best)),
        np.array(checked("sums", _is_list(sums, len(METRICS)) and all(isinstance(each, float) for each in sums))),
        checked("summed", _is_count(stored["summed"])),
        checked("panels", _is_list(resolutions, len(panels) if several else 1) and all(map(_is_panels, resolutions))),
        checkpoint.data,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_panels(value: object) -> bool:
    return _is_count(value) and value <= MAX_PANELS


def _is_list(value: object, length: int) -> bool:
    return isinstance(value, list) and len(value) == length
