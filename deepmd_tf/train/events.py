"""TensorBoard events, written with TensorFlow alone; only viewing them needs the package `tensorboard`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import tensorflow as tf

from deepmd_tf.errors import InputError, first_line


class EventLog:
    """Scalars over steps.

    Parameters
    ----------
    directory : str
        ``training.tensorboard_log_dir``.
    """

    def __init__(self, directory: str):
        self._directory, self._failed = directory, False
        with self._refusal():
            self._writer = tf.summary.create_file_writer(directory)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add one point to each curve; raise `InputError` if that fails."""
        values = [tf.compat.v1.Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        with self._refusal(), self._writer.as_default(step):
            tf.summary.experimental.write_raw_pb(tf.compat.v1.Summary(value=values).SerializeToString())

    def __enter__(self) -> EventLog:
        """Return the log."""
        return self

    def __exit__(self, *exception) -> None:
        """Flush and close."""
        self.close()

    def close(self) -> None:
        """Flush and close."""
        with self._refusal():
            self._writer.close()

    @contextlib.contextmanager
    def _refusal(self) -> Iterator[None]:
        """Raise `InputError` for the first problem with the directory."""
        try:
            yield
        except tf.errors.OpError as error:
            if not self._failed:
                self._failed = True
                raise InputError(
                    f"training.tensorboard_log_dir: cannot write events in {self._directory}: {first_line(error)}"
                ) from error
