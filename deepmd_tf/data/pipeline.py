"""Batches as a `tf.data.Dataset`, prepared in the background."""

from __future__ import annotations

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
    """
    ntypes = systems[0].ntypes

    def groups() -> Iterator[np.ndarray]:
        step = start_step
        while stop_step is None or step < stop_step:
            end = step + STEPS_PER_CALL if stop_step is None else min(step + STEPS_PER_CALL, stop_step)
            drawn = (sampler.batch_at(each) for each in range(step, end))
            yield packing.stack([packing.pack(feed(systems[isys].frames(frames), ntypes)) for isys, frames in drawn])
            step = end

    @tf.autograph.experimental.do_not_convert
    def unpack(vector: tf.Tensor) -> dict[str, tf.Tensor]:
        return _unpack(vector, ntypes)

    packed = tf.data.Dataset.from_generator(groups, output_signature=tf.TensorSpec([None, None], tf.float64))
    return packed.unbatch().map(unpack).prefetch(prefetch)


def _unpack(vector: tf.Tensor, ntypes: int) -> dict[str, tf.Tensor]:
    """Undo `packing.pack` in the graph."""
    header = vector[: packing.HEADER]
    counts = tf.cast(header, tf.int32)
    shapes = packing.shapes(counts[0], counts[1], counts[2], counts[3], ntypes)
    sizes = [tf.reduce_prod(tf.stack(shape)) for shape in shapes.values()]
    rest = tf.size(vector) - packing.HEADER - tf.add_n(sizes)
    parts = tf.split(vector, tf.stack([packing.HEADER, *sizes, rest]), num=len(sizes) + 2)
    result = {}
    for (name, shape), part in zip(shapes.items(), parts[1:-1], strict=True):
        values = tf.cast(part, tf.int32) if name in INTEGERS else part
        result[name] = tf.reshape(values, tf.stack(shape))
    result["periodic"] = tf.cast(counts[4], tf.bool)
    for index, name in enumerate(packing.FLAGS):
        result[name] = header[packing.SIZES + index]
    return {name: tf.ensure_shape(result[name], spec.shape) for name, spec in signature().items()}
