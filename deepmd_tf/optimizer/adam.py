"""Adam (Kingma and Ba, arXiv 1412.6980) and AdamW (Loshchilov and Hutter, arXiv 1711.05101) on plain variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from deepmd_tf.optimizer.share import Share


@dataclass(frozen=True)
class AdamOptions:
    """Options of Adam.

    Attributes
    ----------
    betas : tuple of float
        Decay of the first and second moment.
    weight_decay : float
        Decoupled weight decay (AdamW): every step multiplies the parameters by ``1 - learning_rate * weight_decay``.
    epsilon : float
        Added to the root of the second moment.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    epsilon: float = 1e-8


class Adam:
    """First and second moments of every trainable parameter.

    Parameters
    ----------
    variables : mapping of str to Variable
        Trainable parameters by name.
    options : AdamOptions
        The options.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], options: AdamOptions | None = None):
        self.variables_by_name, self._options = dict(variables), options or AdamOptions()
        self.first = {name: tf.Variable(tf.zeros_like(v)) for name, v in variables.items()}
        self.second = {name: tf.Variable(tf.zeros_like(v)) for name, v in variables.items()}
        self.updates = tf.Variable(0, dtype=tf.int64)

    @property
    def state(self) -> dict:
        """Variables that a checkpoint stores."""
        return {"first": self.first, "second": self.second, "updates": self.updates}

    def apply(self, gradients: Mapping[str, tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update every variable once, in a graph function; `gradients` has the same names."""
        power = tf.cast(self.updates.assign_add(1), tf.float64)
        beta1, beta2 = self._options.betas
        power1, power2 = beta1**power, beta2**power
        for name, variable in self.variables_by_name.items():
            dtype = variable.dtype
            rate = tf.cast(learning_rate, dtype)
            if self._options.weight_decay:
                variable.assign_sub(rate * tf.constant(self._options.weight_decay, dtype) * variable)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self.first[name].handle,
                v=self.second[name].handle,
                beta1_power=tf.cast(power1, dtype),
                beta2_power=tf.cast(power2, dtype),
                lr=rate,
                beta1=tf.constant(beta1, dtype),
                beta2=tf.constant(beta2, dtype),
                epsilon=tf.constant(self._options.epsilon, dtype),
                grad=gradients[name],
            )

    def refresh(self, share: Share) -> None:
        """Do nothing: Adam has no state that is refreshed at intervals."""
