"""The activation functions of the field, by the names that input files use."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

Activation = Callable[[tf.Tensor], tf.Tensor]


def _gelu(x: tf.Tensor) -> tf.Tensor:
    """Gaussian error linear unit in its tanh form (Hendrycks and Gimpel, arXiv 1606.08415).

    Written out because `tf.nn.gelu` raises to a power, which costs more than the whole rest.
    """
    return 0.5 * x * (1.0 + tf.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def _silu(x: tf.Tensor) -> tf.Tensor:
    """``x sigmoid(x)``; `tf.nn.silu` hides its gradient in a closure, which a frozen graph cannot hold."""
    return x * tf.sigmoid(x)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": tf.tanh,
    "gelu": _gelu,
    "gelu_tf": _gelu,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "softplus": tf.nn.softplus,
    "sigmoid": tf.sigmoid,
    "silu": _silu,
    "linear": tf.identity,
    "none": tf.identity,
}
