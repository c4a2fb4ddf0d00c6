"""Dense layers of Deep Potential networks and their initial values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from deepmd_tf.nn.activation import ACTIVATIONS
from deepmd_tf.nn.parameters import Fixed, Normal, Parameters

Product = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Function that returns the product of two matrices."""


@dataclass(frozen=True)
class NetOptions:
    """Options of all layers of a net.

    Attributes
    ----------
    activation_function : str
        A key of `deepmd_tf.nn.activation.ACTIVATIONS`.
    resnet_dt : bool
        Whether residual layers have a trainable factor `idt`.
    precision : str
        ``"float64"`` or ``"float32"``.
    seed : int or None
        Seed of the initial values.
    """

    activation_function: str
    resnet_dt: bool
    precision: str
    seed: int | None


class Dense(tf.Module):
    """One layer's parameters: ``matrix [n_in, n_out]``, optional ``bias [n_out]``, optional ``idt [n_out]``.

    Initial values: the matrix is normal with std ``1/sqrt(n_in + n_out)``, the bias normal with std 1 (or the given
    constant), idt normal with the given mean and std 0.001.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters.
    names : tuple of str
        Names of matrix, bias and idt.
    n_in, n_out : int
        Widths.
    options : NetOptions
        Options of the net.
    trainable : bool
        Whether training changes the layer.
    use_bias : bool
        Whether the layer has a bias.
    idt_mean : float, optional
        Mean of the initial factor; None for a layer without one.
    bias : float, optional
        Constant initial bias.
    """

    def __init__(
        self,
        parameters: Parameters,
        names: tuple[str, str, str],
        n_in: int,
        n_out: int,
        options: NetOptions,
        *,
        trainable: bool = True,
        use_bias: bool = True,
        idt_mean: float | None = None,
        bias: float | None = None,
    ):
        super().__init__(name="dense")

        def make(name, shape, initial):
            return parameters(name, shape, initial, options.precision, trainable)

        matrix_name, bias_name, idt_name = names
        seed = options.seed
        self.n_in, self.n_out = n_in, n_out
        self.activation = ACTIVATIONS[options.activation_function]
        self.matrix = make(matrix_name, (n_in, n_out), Normal(1.0 / math.sqrt(n_in + n_out), seed=seed))
        initial_bias = Normal(1.0, seed=seed) if bias is None else Fixed(bias)
        self.bias = make(bias_name, (n_out,), initial_bias) if use_bias else None
        self.idt = None if idt_mean is None else make(idt_name, (n_out,), Normal(0.001, mean=idt_mean, seed=seed))

    def activate(self, pre: tf.Tensor) -> tf.Tensor:
        """Return ``idt * phi(pre)`` for ``pre [..., n_out]``, which includes the bias."""
        y = self.activation(pre)
        return y if self.idt is None else y * tf.cast(self.idt, y.dtype)

    def pre_activation(self, x: tf.Tensor, product: Product = tf.matmul) -> tf.Tensor:
        """Return ``x W + b`` for ``x [n, n_in]``, in the precision of x."""
        y = product(x, tf.cast(self.matrix, x.dtype))
        return y if self.bias is None else y + tf.cast(self.bias, x.dtype)

    def __call__(self, x: tf.Tensor, product: Product = tf.matmul) -> tf.Tensor:
        """Return ``idt * phi(x W + b)`` for ``x [n, n_in]``."""
        return self.activate(self.pre_activation(x, product))
