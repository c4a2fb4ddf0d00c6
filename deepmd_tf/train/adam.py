"""Adam (Kingma and Ba, arXiv 1412.6980) on plain variables."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """First and second moments of every trainable parameter.

    Parameters
    ----------
    variables : mapping of str to Variable
        What is optimized, by parameter name.
    """

    def __init__(self, variables: Mapping[str, tf.Variable]):
        self.variables_by_name = dict(variables)
        self.first = {name: tf.Variable(tf.zeros_like(v)) for name, v in variables.items()}
        self.second = {name: tf.Variable(tf.zeros_like(v)) for name, v in variables.items()}
        self.updates = tf.Variable(0, dtype=tf.int64)

    @property
    def state(self) -> dict:
        """What a checkpoint must hold."""
        return {"first": self.first, "second": self.second, "updates": self.updates}

    def apply(self, gradients: Mapping[str, tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update every variable once; `gradients` has the same names."""
        power = tf.cast(self.updates.assign_add(1), tf.float64)
        beta1_power, beta2_power = BETA1**power, BETA2**power
        for name, variable in self.variables_by_name.items():
            dtype = variable.dtype
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self.first[name].handle,
                v=self.second[name].handle,
                beta1_power=tf.cast(beta1_power, dtype),
                beta2_power=tf.cast(beta2_power, dtype),
                lr=tf.cast(learning_rate, dtype),
                beta1=tf.constant(BETA1, dtype),
                beta2=tf.constant(BETA2, dtype),
                epsilon=tf.constant(EPSILON, dtype),
                grad=gradients[name],
            )
