"""Embedding nets: dense layers with residual connections.

``y = phi(x W + b)``; when the width is unchanged ``idt * y + x``, when it doubles ``idt * y + (x, x)``, with the
trainable factor `idt` only when ``resnet_dt`` (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deepmd_tf.nn.dense import Dense, NetOptions
from deepmd_tf.nn.parameters import Parameters

IDT_MEAN = 1.0
"""Mean of the initial `idt` of embedding nets; the fitting net's is smaller."""


def residual_copies(n_in: int, n_out: int) -> int:
    """Return the copies of the input in the residual rule: 1 for equal widths, 2 when the width doubles, else 0."""
    return n_out // n_in if n_out in (n_in, 2 * n_in) else 0


def add_residual(y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Apply the residual rule to a layer's output ``y [..., n_out]`` and input ``x [..., n_in]``."""
    n_in, n_out = x.shape[-1], y.shape[-1]
    copies = residual_copies(n_in, n_out)
    if copies == 0:
        return y
    if copies == 1:
        return y + x
    # (x, x) is never stored: its copies and their gradients would cost as much as the products of a layer
    doubled = tf.reshape(y, [-1, 2, n_in]) + tf.reshape(x, [-1, 1, n_in])
    return tf.reshape(doubled, tf.shape(y))


class EmbeddingNet(tf.Module):
    """A stack of dense layers with the residual rule.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters; names are ``{scope}/matrix_{k}{suffix}``, ``bias_``, ``idt_`` with k from 1.
    scope : str
        Prefix of the names.
    n_in : int
        Width of the input.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        Options of the layers.
    trainable : bool
        Whether training changes the net.
    use_bias : bool
        Whether layers have biases.
    suffix : str
        End of the names.
    """

    def __init__(
        self,
        parameters: Parameters,
        scope: str,
        n_in: int,
        neuron: Sequence[int],
        options: NetOptions,
        *,
        trainable: bool = True,
        use_bias: bool = True,
        suffix: str = "",
    ):
        super().__init__(name="embedding_net")
        widths = [n_in, *neuron]
        self.layers = [
            Dense(
                parameters,
                tuple(f"{scope}/{part}_{k}{suffix}" for part in ("matrix", "bias", "idt")),
                widths[k - 1],
                widths[k],
                options,
                trainable=trainable,
                use_bias=use_bias,
                idt_mean=IDT_MEAN if options.resnet_dt and residual_copies(widths[k - 1], widths[k]) else None,
            )
            for k in range(1, len(widths))
        ]
        self.n_in, self.n_out = n_in, widths[-1]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Map ``x [n, n_in]`` to ``[n, n_out]``."""
        return self.upper_layers(add_residual(self.layers[0](x), x))

    def upper_layers(self, x: tf.Tensor) -> tf.Tensor:
        """Apply every layer after the first to ``x [n, neuron[0]]``."""
        for layer in self.layers[1:]:
            x = add_residual(layer(x), x)
        return x

    @property
    def first_is_residual(self) -> bool:
        """Whether the residual rule reaches from the input over the first layer."""
        return residual_copies(self.n_in, self.layers[0].n_out) > 0
