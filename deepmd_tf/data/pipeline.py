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
"""Batches prepared by one call into Python; the call costs the `tf.data` runtime more than a small batch does."""

_REST = 0.2
"""Seconds in which a thread of the `tf.data` runtime finishes its call into Python."""

_live: set[object] = set()
"""One entry for each iterator that is in use."""

_ending = threading.Event()


@atexit.register
def _come_to_rest() -> None:
    """Stop preparing batches before the interpreter ends: a thread that enters Python after that never comes back."""
    if _live:
        _ending.set()
        time.sleep(_REST)


@functools.cache
def signature() -> dict[str, tf.TensorSpec]:
    """Return the specs of the tensors that `dataset` yields, fit for `tf.function(input_signature=...)`."""
    return {name: tf.TensorSpec(field.shape, field.dtype, name=name) for name, field in FIELDS.items()}


def _arrays_at(systems: Sequence[System], sampler: Batches, step: int) -> dict[str, np.ndarray]:
    return feed([systems[isystem].frames(frames) for isystem, frames in sampler.batch_at(step)])


def batch_at(systems: Sequence[System], sampler: Batches, step: int) -> dict[str, tf.Tensor]:
    """Return the batch of one step as `dataset` yields it, without the cost of building a dataset.

    For the few batches of a validation; preparing and converting take place in the calling thread.
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
    """Return the batches of the steps from `start_step` on, as dictionaries of tensors (`feed.feed`).

    Parameters
    ----------
    systems
        The systems that `sampler` was made for.
    sampler
        Decides which frames make up a step.
    start_step, stop_step
        First step, and the step after the last one; None for an endless dataset.
    prefetch
        Batches that are prepared ahead by a thread of the `tf.data` runtime. It ends with the iterator.

    Notes
    -----
    Building a dataset takes a fraction of a second: build one for a run, and use `batch_at` for a batch now and then.
    A step that takes the iterator as an argument and calls `next` inside its `tf.function` saves bringing the tensors
    of every batch to Python and back.
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
    """The batches of the steps from `start_step` on, one after another for ever, prepared in the background.

    One that could not be prepared there is prepared again when its turn comes: all batches before it are seen, and what
    is raised is what went wrong, not what the `tf.data` runtime makes of it.

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
    """Undo `packing.pack` in the graph; `vector` may have zeros at its end."""
    lengths = tf.cast(vector[: packing.HEADER], tf.int32)
    used = tf.concat([[packing.HEADER], lengths], axis=0)
    padding = tf.size(vector) - tf.reduce_sum(used)
    parts = tf.split(vector, tf.concat([used, [padding]], axis=0), num=len(FIELDS) + 2)[1:-1]
    length_of = dict(zip(FIELDS, tf.unstack(lengths, num=len(FIELDS)), strict=True))
    result = {}
    for (name, field), values in zip(FIELDS.items(), parts, strict=True):
        if field.width is None:  # a width of 0 leaves nothing to infer the number of rows from
            values = tf.reshape(values, [length_of["type" if field.per_atom else "periodic"], -1])
        elif field.width > 1:
            values = tf.reshape(values, [-1, field.width])
        values.set_shape(field.shape)
        result[name] = tf.cast(values, field.dtype)
    return result
