"""Adam against the update rule of Kingma and Ba (arXiv 1412.6980), written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.optimizer.adam import Adam


def updates(value: np.ndarray, gradients: list[np.ndarray], rates: list[float]) -> np.ndarray:
    """The end of section 2 of the paper: both bias corrections in the step size, epsilon beside the bare root."""
    first, second = np.zeros_like(value), np.zeros_like(value)
    for power, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        step = rate * np.sqrt(1 - 0.999**power) / (1 - 0.9**power)
        value = value - step * first / (np.sqrt(second) + 1e-8)
    return value


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
def test_updates_are_the_papers(rng, dtype, tolerance):
    start = {name: rng.normal(size=shape) for name, shape in {"a/matrix": (3, 4), "a/bias": (4,), "b": (1,)}.items()}
    variables = {name: tf.Variable(value, dtype=dtype) for name, value in start.items()}
    gradients = [{name: rng.normal(size=v.shape) * 10.0**-k for name, v in start.items()} for k in range(6)]
    rates = [1e-2, 1e-2, 5e-3, 5e-3, 1e-4, 1e-4]
    adam = Adam(variables)
    for of_step, rate in zip(gradients, rates, strict=True):
        adam.apply({name: tf.constant(g, dtype) for name, g in of_step.items()}, tf.constant(rate, tf.float64))
    for name, value in start.items():
        expected = updates(value, [of_step[name] for of_step in gradients], rates)
        np.testing.assert_allclose(variables[name].numpy(), expected, rtol=tolerance, atol=tolerance)


def test_state_is_all_that_a_second_optimizer_needs(rng):
    """Copying value and state and going on gives bitwise the numbers of going on without."""
    one, other = tf.Variable(rng.normal(size=5)), tf.Variable(np.zeros(5))
    adam, copied = Adam({"x": one}), Adam({"x": other})
    rate = tf.constant(1e-3, tf.float64)
    for _ in range(3):
        adam.apply({"x": tf.constant(rng.normal(size=5))}, rate)
    other.assign(one)
    for source, target in zip(tf.nest.flatten(adam.state), tf.nest.flatten(copied.state), strict=True):
        target.assign(source)
    gradient = {"x": tf.constant(rng.normal(size=5))}
    adam.apply(gradient, rate)
    copied.apply(gradient, rate)
    assert one.numpy().tobytes() == other.numpy().tobytes()
