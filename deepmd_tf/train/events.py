"""TensorBoard events, written with TensorFlow alone: the `tensorboard` package is needed only to look at them."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


class EventLog:
    """Scalars over steps.

    Parameters
    ----------
    directory : str
        ``training.tensorboard_log_dir``.
    """

    def __init__(self, directory: str):
        self._writer = tf.summary.create_file_writer(directory)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add one point to each named curve."""
        values = [tf.compat.v1.Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        with self._writer.as_default(step):
            tf.summary.experimental.write_raw_pb(tf.compat.v1.Summary(value=values).SerializeToString())

    def __enter__(self) -> EventLog:
        """Begin."""
        return self

    def __exit__(self, *exception) -> None:
        """Flush and close."""
        self.close()

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()
