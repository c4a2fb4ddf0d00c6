"""Clipping of gradients by their global norm (Pascanu et al., arXiv 1211.5063)."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


def clipped(gradients: Mapping[str, tf.Tensor], max_norm: float | None) -> dict[str, tf.Tensor]:
    """Return gradients scaled by ``min(1, max_norm / norm)``.

    Parameters
    ----------
    gradients : mapping of str to Tensor
        Gradients of all parameters by name.
    max_norm : float or None
        Largest norm of the vector of all gradients; None or 0: no limit.
    """
    if not max_norm:
        return dict(gradients)
    squares = [tf.cast(tf.reduce_sum(gradient**2), tf.float64) for gradient in gradients.values()]
    norm = tf.sqrt(tf.add_n(squares))
    scale = max_norm / tf.maximum(norm, max_norm)
    return {name: gradient * tf.cast(scale, gradient.dtype) for name, gradient in gradients.items()}
