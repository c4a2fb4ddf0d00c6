"""Batches as a `tf.data.Dataset`, prepared in the background."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.data import packing
from deepmd_tf.data.feed import FLOATS, INTEGERS, feed
from deepmd_tf.data.sampler import Sampler
from deepmd_tf.data.system import System

PREFETCH = 16
STEPS_PER_CALL = 8
"""Batches prepared by one call into Python; the call costs the `tf.data` runtime more than a small batch does."""


@functools.cache
def signature() -> dict[str, tf.TensorSpec]:
    """Return the specs of the tensors that `dataset` yields, fit for `tf.function(input_signature=...)`."""
    specs = {name: tf.TensorSpec([None] * rank, tf.float64, name=name) for name, rank in FLOATS.items()}
    specs |= {name: tf.TensorSpec([None] * rank, tf.int32, name=name) for name, rank in INTEGERS.items()}
    specs["periodic"] = tf.TensorSpec([], tf.bool, name="periodic")
    return specs


def batch_at(systems: Sequence[System], sampler: Sampler, step: int) -> dict[str, tf.Tensor]:
    """Return the batch of one step as `dataset` yields it, without the cost of building a dataset.

    For the few batches of a validation; preparing and converting take place in the calling thread.
    """
    isystem, frames = sampler.batch_at(step)
    arrays = feed(systems[isystem].frames(frames), systems[isystem].ntypes)
    return {name: tf.constant(arrays[name], spec.dtype) for name, spec in signature().items()}


def dataset(
    systems: Sequence[System],
    sampler: Sampler,
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
        First step, and the step that is no longer yielded; None goes on for ever.
    prefetch
        Batches that are prepared ahead by a thread of the `tf.data` runtime. It ends with the iterator.

    Notes
    -----
    Building a dataset takes a fraction of a second: build one for a run, and use `batch_at` for a batch now and then.
    A step that takes the iterator as an argument and calls `next` inside its `tf.function` saves bringing the tensors
    of every batch to Python and back.
    """
    ntypes = systems[0].ntypes

    def groups() -> Iterator[np.ndarray]:
        step = start_step
        while stop_step is None or step < stop_step:
            end = step + STEPS_PER_CALL if stop_step is None else min(step + STEPS_PER_CALL, stop_step)
            drawn = (sampler.batch_at(each) for each in range(step, end))
            yield packing.stack([packing.pack(feed(systems[isys].frames(frames), ntypes)) for isys, frames in drawn])
            step = end

    packed = tf.data.Dataset.from_generator(groups, output_signature=tf.TensorSpec([None, None], tf.float64))
    return packed.unbatch().map(_unpack).prefetch(prefetch)


@tf.autograph.experimental.do_not_convert
def _unpack(vector: tf.Tensor) -> dict[str, tf.Tensor]:
    """Undo `packing.pack` in the graph; `vector` may have zeros at its end."""
    nscalars = len(packing.SCALARS)
    counts = tf.cast(vector[: packing.HEADER], tf.int32)
    scalars = tf.unstack(vector[1 : 1 + nscalars], num=nscalars)
    used = tf.concat([[packing.HEADER], counts[1 + nscalars :]], axis=0)
    padding = tf.size(vector) - tf.reduce_sum(used)
    parts = tf.split(vector, tf.concat([used, [padding]], axis=0), num=len(packing.ARRAYS) + 2)[1:-1]
    result = dict(zip((*packing.SCALARS, *packing.ARRAYS), (*scalars, *parts), strict=True))
    by_frame = tf.stack([counts[0], -1])
    for name, spec in signature().items():
        values = result[name] if spec.dtype == tf.float64 else tf.cast(result[name], spec.dtype)
        values = tf.reshape(values, by_frame) if spec.shape.rank == 2 else values
        values.set_shape(spec.shape)
        result[name] = values
    return result
