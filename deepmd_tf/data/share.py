"""The frames of a batch that one of several processes takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

Parts = tuple[tuple[int, np.ndarray], ...]
"""Pairs of the index of a system and its frames, as `Sampler.batch_at` gives them."""


class Batches(Protocol):
    """Source of the frames of a step."""

    def batch_at(self, step: int) -> Parts:
        """Return the parts of the batch of a step."""


def share(parts: Parts, rank: int, size: int) -> Parts:
    """Return the frames of one of `size` processes: as many as the others have or one more, in the batch's order."""
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
    """The part of every batch that is one process's.

    Attributes
    ----------
    batches : Batches
        Of all processes together.
    rank, size : int
        Number of the process, and of processes; no batch has fewer frames than there are processes.
    """

    batches: Batches
    rank: int
    size: int

    def batch_at(self, step: int) -> Parts:
        """Return the parts of the batch of a step that are this process's."""
        return share(self.batches.batch_at(step), self.rank, self.size)
