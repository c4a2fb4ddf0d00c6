"""Batches as a `tf.data.Dataset`, prepared in the background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.data.feed import FLOATS, INTEGERS, feed
from deepmd_tf.data.sampler import Sampler
from deepmd_tf.data.system import System

PREFETCH = 8


def signature() -> dict[str, tf.TensorSpec]:
    """Return the specs of the tensors that `dataset` yields, fit for `tf.function(input_signature=...)`."""
    specs = {name: tf.TensorSpec([None] * rank, tf.float64, name=name) for name, rank in FLOATS.items()}
    specs |= {name: tf.TensorSpec([None] * rank, tf.int32, name=name) for name, rank in INTEGERS.items()}
    specs["periodic"] = tf.TensorSpec([], tf.bool, name="periodic")
    return specs


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
    """
    ntypes = systems[0].ntypes

    def batches() -> Iterator[dict[str, np.ndarray]]:
        step = start_step
        while stop_step is None or step < stop_step:
            isystem, frames = sampler.batch_at(step)
            yield feed(systems[isystem].frames(frames), ntypes)
            step += 1

    return tf.data.Dataset.from_generator(batches, output_signature=signature()).prefetch(prefetch)
