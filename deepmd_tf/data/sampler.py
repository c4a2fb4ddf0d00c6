"""Frames of the batch of a training step: a pure function of seed and step."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np

from deepmd_tf.config.training import DataConfig
from deepmd_tf.data.batch_size import batch_counts, batch_sizes, draws_per_batch
from deepmd_tf.data.probability import system_probabilities
from deepmd_tf.data.system import System
from deepmd_tf.errors import InputError

CHUNK = 16384
"""Number of draws that are made at once."""

_CHOICE, _ORDER = 0, 1


class Sampler:
    """Sampler of batches: draws a system for each step and takes its next frames; a mixed batch has several draws.

    Each epoch of a system has a new permutation of its frames. A batch that reaches the end of an epoch is completed
    from the next one, so that no frame is omitted. All draws are functions of counters, not of the state of a
    generator: a restarted run needs only the step, and training and validation (`stream`) are independent.

    Parameters
    ----------
    systems
        The systems of one data set.
    batch_size, auto_prob, sys_probs
        As in the input file.
    seed
        Integer that is not negative.
    stream
        Name of the sequence; different names give independent sequences.
    batches
        Number of batches of `batch_size` in the batch of a step, one per training process. The batch is that of one
        process with a `batch_size` that is larger by this factor, but it may repeat the frames of small systems.

    Attributes
    ----------
    batch_sizes : tuple of int
        Frames per draw of each system; one for mixed batches.
    draws_per_batch : int
        Draws per batch; more than one for mixed batches.
    probabilities : ndarray
        Probability of each system, `[nsystems]`.
    """

    def __init__(
        self,
        systems: Sequence[System],
        batch_size: int | Sequence[int] | str = "auto",
        auto_prob: str = "prob_sys_size",
        sys_probs: Sequence[float] | None = None,
        *,
        seed: int,
        stream: str = "training",
        batches: int = 1,
    ) -> None:
        if not systems:
            raise InputError("systems: expected at least one system, got none")
        self.batch_sizes = batch_sizes(batch_size, systems)
        mixed = isinstance(batch_size, str) and batch_size.startswith("mixed")
        if not mixed:
            self.batch_sizes = tuple(size * batches for size in self.batch_sizes)
        self._batch_counts = batch_counts(self.batch_sizes, systems)
        self.probabilities = system_probabilities(self._batch_counts, auto_prob, sys_probs)
        self.draws_per_batch = draws_per_batch(batch_size, systems, self.probabilities) * (batches if mixed else 1)
        self.seed = seed
        self._nframes = tuple(system.nframes for system in systems)
        self._cumulative = np.cumsum(self.probabilities)
        self._cumulative /= self._cumulative[-1]
        name = zlib.crc32(stream.encode())
        self._keys = [
            np.random.SeedSequence((seed, name, use)).generate_state(2, np.uint64) for use in (_CHOICE, _ORDER)
        ]
        self._draws_before: dict[int, np.ndarray] = {}
        self._chunk: tuple[int, np.ndarray, np.ndarray] | None = None
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    @classmethod
    def from_config(
        cls, systems: Sequence[System], config: DataConfig, seed: int, stream: str = "training", batches: int = 1
    ) -> Sampler:
        """Return the sampler of a section `training_data` or `validation_data`."""
        rules = (config.batch_size, config.auto_prob, config.sys_probs)
        return cls(systems, *rules, seed=seed, stream=stream, batches=batches)

    def steps_per_epoch(self) -> int:
        """Return the expected number of steps until every system has been drawn as often as it has batches."""
        drawn = self.probabilities > 0
        draws = np.array(self._batch_counts)[drawn] / self.probabilities[drawn]
        return math.ceil(draws.max() / self.draws_per_batch - 1e-9)

    def batch_at(self, step: int) -> tuple[tuple[int, np.ndarray], ...]:
        """Return the parts of the batch of step `step`, counted from 0.

        Returns
        -------
        tuple
            Pairs of the index of a system and its frames `[nframes of the part]`, each system once: one pair of
            `batch_sizes` frames; for mixed batches one frame per draw in total.
        """
        draws: dict[int, tuple[int, int]] = {}  # first draw in this batch and number of draws, by system
        for number in range(step * self.draws_per_batch, (step + 1) * self.draws_per_batch):
            isystem, draw = self._draw(*divmod(number, CHUNK))
            first, count = draws.get(isystem, (draw, 0))
            draws[isystem] = (first, count + 1)
        return tuple((isystem, self._frames(isystem, first, count)) for isystem, (first, count) in draws.items())

    def _draw(self, chunk: int, offset: int) -> tuple[int, int]:
        """Return the system of a draw, and the number of earlier draws of this system."""
        current = self._chunk
        if current is None or current[0] != chunk:
            systems = self._systems_of(chunk)
            current = (chunk, systems, self._before(chunk)[systems] + _occurrences_before(systems))
            self._chunk = current
        return int(current[1][offset]), int(current[2][offset])

    def _before(self, chunk: int) -> np.ndarray:
        """Return the number of draws of each system in the chunks before `chunk`, `[nsystems]`.

        The counts of the two newest chunks are cached; for earlier chunks they are computed from the beginning.
        """
        remembered = self._draws_before  # replaced, never modified: other threads may read it
        start = max((known for known in remembered if known <= chunk), default=0)
        counts = remembered.get(start)
        if counts is None:
            counts = np.zeros(len(self._nframes), dtype=np.int64)
        for number in range(start, chunk):
            counts = counts + np.bincount(self._systems_of(number), minlength=len(self._nframes))
        self._draws_before = dict([*list(remembered.items())[-1:], (chunk, counts)])
        return counts

    def _systems_of(self, chunk: int) -> np.ndarray:
        """Return the systems drawn in a chunk, `[CHUNK]`."""
        if len(self._nframes) == 1:
            return np.zeros(CHUNK, dtype=np.int64)
        bits = np.random.Philox(key=self._keys[_CHOICE], counter=_counter(0, chunk)).random_raw(CHUNK)
        uniform = (bits >> np.uint64(11)) * 2.0**-53
        return np.searchsorted(self._cumulative, uniform, side="right")

    def _frames(self, isystem: int, draw: int, count: int) -> np.ndarray:
        """Return the frames of `count` draws of a system, the first of them numbered `draw`."""
        size = self.batch_sizes[isystem]
        epoch, start = divmod(draw * size, self._nframes[isystem])
        parts, missing = [], count * size
        while missing:
            parts.append(self._order(isystem, epoch)[start : start + missing])
            missing -= len(parts[-1])
            epoch, start = epoch + 1, 0
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _order(self, isystem: int, epoch: int) -> np.ndarray:
        """Return the order of the frames of a system in one of its epochs, `[nframes]`."""
        known = self._orders.get(isystem)
        if known is None or known[0] != epoch:
            bits = np.random.Philox(key=self._keys[_ORDER], counter=_counter(isystem, epoch))
            known = (epoch, np.argsort(bits.random_raw(self._nframes[isystem]), kind="stable"))
            self._orders[isystem] = known
        return known[1]


def _counter(low: int, high: int) -> np.ndarray:
    """Return a counter of the generator; its two lowest words count the numbers drawn."""
    return np.array([0, 0, low, high], dtype=np.uint64)


def _occurrences_before(values: np.ndarray) -> np.ndarray:
    """Return for each entry the number of equal entries before it, `[n]`."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.searchsorted(ordered, ordered, side="left")
    result = np.empty(len(values), dtype=np.int64)
    result[order] = np.arange(len(values)) - first
    return result
