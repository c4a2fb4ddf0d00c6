"""Failures that leave the run in the state after the last step, so that it can be saved before the run ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.data.source import DataSource
from deepmd_tf.errors import InputError, user_message


class Failure:
    """The first failure of this rank.

    Attributes
    ----------
    message : str or None
        Message for the user; None as long as nothing failed.
    """

    def __init__(self):
        self.message: str | None = None

    @contextlib.contextmanager
    def of_reading(self) -> Iterator[None]:
        """Record that data cannot be read, so that all ranks save and end together."""
        try:
            yield
        except Exception as error:
            self.message = user_message(error)
            if self.message is None:
                raise

    @contextlib.contextmanager
    def of_memory(self, recoverable: Callable[[], bool]) -> Iterator[None]:
        """Record that memory ran out, if `recoverable` returns True; otherwise let the error pass."""
        try:
            yield
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            if not recoverable():
                raise
            self.message = user_message(error)


@contextlib.contextmanager
def naming_batch(source: DataSource, number: int, step: int) -> Iterator[None]:
    """Turn errors of the compiled operations into `InputError` that names the frames of batch `number`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise bad_batch(source, number, step, ops.op_message(error)) from error


def bad_batch(source: DataSource, number: int, step: int, reason: str) -> InputError:
    """Return the error for batch `number` of a data set, at which training ended after `step`."""
    parts = source.sampler.batch_at(number)
    places = "; ".join(f"{source.systems[i].path}, frames {list(map(int, frames))}" for i, frames in parts)
    return InputError(f"after step {step}: {places}: {reason}. Checkpoints written before are kept")
