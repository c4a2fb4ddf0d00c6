"""Division of a batch among processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

Parts = tuple[tuple[int, np.ndarray], ...]
"""Pairs of the index of a system and its frames, as returned by `Sampler.batch_at`."""


class Batches(Protocol):
    """Source of the frames of a step."""

    def batch_at(self, step: int) -> Parts:
        """Return the parts of the batch of a step."""


def share(parts: Parts, rank: int, size: int) -> Parts:
    """Return the frames of process `rank` of `size` in the order of the batch; shares differ by at most one frame."""
    total = sum(len(frames) for _, frames in parts)
    first, last = total * rank // size, total * (rank + 1) // size
    mine, begin = [], 0
    for isystem, frames in parts:
        chosen = frames[max(first - begin, 0) : max(last - begin, 0)]
        if len(chosen):
            mine.append((isystem, chosen))
        begin += len(frames)
    return tuple(mine)


@dataclass(frozen=True)
class SharedBatches:
    """Share of one process in each batch.

    Attributes
    ----------
    batches : Batches
        Batches of all processes together.
    rank, size : int
        Index of the process, and number of processes; each batch has at least one frame per process.
    """

    batches: Batches
    rank: int
    size: int

    def batch_at(self, step: int) -> Parts:
        """Return the share of this process in the batch of a step."""
        return share(self.batches.batch_at(step), self.rank, self.size)
