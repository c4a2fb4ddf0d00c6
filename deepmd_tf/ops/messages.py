"""What the compiled ops say of their inputs, without TensorFlow's surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_tf.errors import without_nodes

if TYPE_CHECKING:
    import tensorflow as tf


def op_message(error: tf.errors.OpError) -> str:
    """Return what an op says of its input, without the trace before and the nodes around it."""
    lines = [line.strip() for line in without_nodes(error.message).splitlines()]
    return next(filter(None, reversed(lines)), type(error).__name__)
