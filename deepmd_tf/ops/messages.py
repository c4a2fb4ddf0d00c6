"""Messages of the compiled ops without TensorFlow's additions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_tf.errors import without_nodes

if TYPE_CHECKING:
    import tensorflow as tf


def op_message(error: tf.errors.OpError) -> str:
    """Return the message of an op about its input, without TensorFlow's trace and node names."""
    lines = [line.strip() for line in without_nodes(error.message).splitlines()]
    return next(filter(None, reversed(lines)), type(error).__name__)
