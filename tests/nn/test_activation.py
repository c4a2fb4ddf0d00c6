"""Activation functions and their first and second derivatives, against formulae."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.config.names import ACTIVATIONS as CONFIGURED
from deepmd_tf.nn.activation import ACTIVATIONS

from .. import reference

# No multiple of the step of the differences below is a kink of relu or relu6.
X = np.concatenate([np.linspace(-4.05, 8.05, 122), [-30.05, 25.05]])


def derivatives(function, x):
    """Value, first and second derivative by TensorFlow."""
    x = tf.constant(x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        first = inner.gradient(y, x)
    second = outer.gradient(first, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return y.numpy(), first.numpy(), second.numpy()


def differences(function, x, step=2e-3):
    """First and second derivative by central differences of sixth order, error near 1e-10."""
    f = {k: function(x + k * step) for k in range(-3, 4)}
    first = (45 * (f[1] - f[-1]) - 9 * (f[2] - f[-2]) + (f[3] - f[-3])) / (60 * step)
    second = (270 * (f[1] + f[-1]) - 27 * (f[2] + f[-2]) + 2 * (f[3] + f[-3]) - 490 * f[0]) / (180 * step**2)
    return first, second


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivatives(name):
    value, first, second = derivatives(ACTIVATIONS[name], X)
    expected_first, expected_second = differences(reference.ACTIVATIONS[name], X)
    np.testing.assert_allclose(value, reference.ACTIVATIONS[name](X), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(first, expected_first, rtol=0, atol=1e-9)
    np.testing.assert_allclose(second, expected_second, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keeps_dtype_shape_and_is_finite_far_out(name, dtype):
    x = np.array([[-500.0, -40.0, 0.0], [1e-30, 40.0, 500.0]], dtype)
    for part in derivatives(ACTIVATIONS[name], x):
        assert part.dtype == dtype and part.shape == (2, 3) and np.isfinite(part).all()


def test_every_configured_name_is_there():
    assert set(CONFIGURED) == set(ACTIVATIONS) == set(reference.ACTIVATIONS)
