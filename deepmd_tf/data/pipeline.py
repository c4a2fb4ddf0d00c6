"""Batches as a `tf.data.Dataset`, prepared in the background."""

from __future__ import annotations

import atexit
import functools
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.data import packing
from deepmd_tf.data.feed import FIELDS, feed
from deepmd_tf.data.share import Batches
from deepmd_tf.data.system import System

PREFETCH = 16
STEPS_PER_CALL = 8
"""Batches per call into Python; for the `tf.data` runtime a call costs more than a small batch."""

_REST = 0.2
"""Seconds within which a thread of the `tf.data` runtime finishes its call into Python."""

_live: set[object] = set()
"""One entry per iterator in use."""

_ending = threading.Event()


@atexit.register
def _stop_preparing() -> None:
    """Stop preparing batches before the interpreter exits: a thread that enters Python later would hang."""
    if _live:
        _ending.set()
        time.sleep(_REST)


@functools.cache
def signature() -> dict[str, tf.TensorSpec]:
    """Return the specs of the tensors of `dataset`, for `tf.function(input_signature=...)`."""
    return {name: tf.TensorSpec(field.shape, field.dtype, name=name) for name, field in FIELDS.items()}


def _arrays_at(systems: Sequence[System], sampler: Batches, step: int) -> dict[str, np.ndarray]:
    return feed([systems[isystem].frames(frames) for isystem, frames in sampler.batch_at(step)])


def batch_at(systems: Sequence[System], sampler: Batches, step: int) -> dict[str, tf.Tensor]:
    """Return the batch of one step in the form of `dataset`, without the cost of building a dataset.

    Use it for the few batches of a validation; the calling thread prepares and converts the batch.
    """
    arrays = _arrays_at(systems, sampler, step)
    return {name: tf.constant(arrays[name], spec.dtype) for name, spec in signature().items()}


def dataset(
    systems: Sequence[System],
    sampler: Batches,
    start_step: int = 0,
    stop_step: int | None = None,
    prefetch: int = PREFETCH,
) -> tf.data.Dataset:
    """Return the batches of the steps from `start_step` on as dictionaries of tensors (see `feed.feed`).

    Parameters
    ----------
    systems
        The systems of `sampler`.
    sampler
        Source of the frames of each step.
    start_step, stop_step
        First step, and the step after the last one; None for an endless dataset.
    prefetch
        Number of batches that a thread of the `tf.data` runtime prepares ahead. The thread ends with the iterator.

    Notes
    -----
    Building a dataset takes a fraction of a second: build one per run, and use `batch_at` for single batches. Pass the
    iterator to the step as an argument and call `next` inside its `tf.function`, so that the tensors of the batches
    need not pass through Python.
    """

    def groups() -> Iterator[np.ndarray]:
        step, entry = start_step, object()
        _live.add(entry)
        try:
            while not _ending.is_set() and (stop_step is None or step < stop_step):
                end = step + STEPS_PER_CALL if stop_step is None else min(step + STEPS_PER_CALL, stop_step)
                yield packing.stack([packing.pack(_arrays_at(systems, sampler, each)) for each in range(step, end)])
                step = end
        finally:
            _live.discard(entry)

    packed = tf.data.Dataset.from_generator(groups, output_signature=tf.TensorSpec([None, None], tf.float64))
    return packed.unbatch().map(_unpack).prefetch(prefetch)


class Stream:
    """Endless iterator over the batches of the steps from `start_step` on, prepared in the background.

    If the preparation of a batch fails, the batch is prepared again in the calling thread when it is due. All batches
    before it are returned, and the original exception is raised instead of that of the `tf.data` runtime.

    Parameters
    ----------
    systems, sampler, start_step
        As for `dataset`.
    """

    def __init__(self, systems: Sequence[System], sampler: Batches, start_step: int) -> None:
        self._systems, self._sampler, self._step = systems, sampler, start_step
        self._prepared: Iterator[dict[str, tf.Tensor]] | None = None

    def __next__(self) -> dict[str, tf.Tensor]:
        """Return the next batch."""
        try:
            if self._prepared is None:
                self._prepared = iter(dataset(self._systems, self._sampler, self._step))
            batch = next(self._prepared)
        except tf.errors.OpError:
            self._prepared = None
            batch = batch_at(self._systems, self._sampler, self._step)
        self._step += 1
        return batch


@tf.autograph.experimental.do_not_convert
def _unpack(vector: tf.Tensor) -> dict[str, tf.Tensor]:
    """Unpack the vector of `packing.pack` in the graph; it may end with padding zeros."""
    lengths = tf.cast(vector[: packing.HEADER], tf.int32)
    used = tf.concat([[packing.HEADER], lengths], axis=0)
    padding = tf.size(vector) - tf.reduce_sum(used)
    parts = tf.split(vector, tf.concat([used, [padding]], axis=0), num=len(FIELDS) + 2)[1:-1]
    length_of = dict(zip(FIELDS, tf.unstack(lengths, num=len(FIELDS)), strict=True))
    result = {}
    for (name, field), values in zip(FIELDS.items(), parts, strict=True):
        if field.width is None:  # with a width of 0, the number of rows cannot be inferred
            values = tf.reshape(values, [length_of["type" if field.per_atom else "periodic"], -1])
        elif field.width > 1:
            values = tf.reshape(values, [-1, field.width])
        values.set_shape(field.shape)
        result[name] = tf.cast(values, field.dtype)
    return result
