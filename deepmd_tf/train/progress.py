"""Progress of a run beside its parameters and its optimizer, stored in the metadata of a checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.descriptor.tabulation import MAX_PER_OCTAVE, Resolution
from deepmd_tf.errors import InputError
from deepmd_tf.loss import METRICS


@dataclass(frozen=True)
class Progress:
    """State that a restart restores.

    Attributes
    ----------
    best : float
        The least validation error so far; infinite before the first.
    sums : ndarray
        Sums of the metrics since the last line of the learning curve ``[len(METRICS)]``.
    summed : int
        Number of steps in the sums.
    resolution : Resolution
        Panels on which the embedding is tabulated.
    data : dict
        Facts about the data that the frozen graph stores.
    """

    best: float
    sums: np.ndarray
    summed: int
    resolution: Resolution
    data: dict

    def metadata(self) -> dict:
        """Return the state as a JSON table, for `read_progress`."""
        rest = {"summed": self.summed, "panels": self.resolution.numbers().tolist(), "data": self.data}
        return {"best": self.best, "sums": self.sums.tolist(), **rest}


def read_progress(checkpoint: StoredCheckpoint, nmembers: int) -> Progress:
    """Read the progress of a run.

    Parameters
    ----------
    checkpoint : StoredCheckpoint
        A checkpoint of the run.
    nmembers : int
        Number of members of the descriptor.

    Raises
    ------
    InputError
        When the metadata are not those of a run.
    """
    stored = checkpoint.metadata

    def checked(key: str, good: bool) -> Any:
        if not good:
            raise InputError(f"{checkpoint.path}: its {key}, {str(stored[key])[:80]!r}, is not what a run writes")
        return stored[key]

    best, sums = stored["best"], stored["sums"]
    panels = stored["panels"] if isinstance(stored["panels"], list) else [stored["panels"]]  # earlier: one number
    checked("panels", len(panels) == nmembers and all(map(_is_panels, panels)))
    return Progress(
        checked("best", isinstance(best, float) and not math.isnan(best)),
        np.array(checked("sums", _is_list(sums, len(METRICS)) and all(isinstance(each, float) for each in sums))),
        checked("summed", _is_count(stored["summed"])),
        Resolution(tuple(number or None for number in panels)),
        checkpoint.data,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_panels(value: object) -> bool:
    return _is_count(value) and value <= MAX_PER_OCTAVE


def _is_list(value: object, length: int) -> bool:
    return isinstance(value, list) and len(value) == length
