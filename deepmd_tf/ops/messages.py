"""What the compiled ops say of their inputs, without TensorFlow's surroundings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def said_by_op(error: tf.errors.OpError) -> str:
    """Return what an op says of its input, without the trace before and the nodes around it."""
    text = re.sub(r"\{\{[^{}]*\}\}|\[\[.*?\]\]|\[Op:.*", "", error.message)
    return ([line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__])[-1]
