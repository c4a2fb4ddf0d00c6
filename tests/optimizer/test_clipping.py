"""Gradients are scaled to a largest norm."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.optimizer.clipping import clipped


@pytest.fixture
def gradients(rng):
    return {
        "matrix": tf.constant(rng.normal(size=(3, 4))),
        "bias": tf.constant(rng.normal(size=5), tf.float32),
        "scalar": tf.constant(rng.normal()),
    }


def norm(gradients) -> float:
    return np.sqrt(sum(np.sum(np.asarray(each, float) ** 2) for each in gradients.values()))


def test_long_gradients_are_scaled_to_the_norm(gradients):
    largest = norm(gradients)
    found = clipped(gradients, 0.3 * largest)
    assert norm(found) == pytest.approx(0.3 * largest, rel=1e-6)
    for name, gradient in gradients.items():
        assert found[name].dtype == gradient.dtype
        np.testing.assert_allclose(found[name], 0.3 * gradient.numpy(), rtol=1e-6)


@pytest.mark.parametrize("max_norm", [None, 0, 1e3])
def test_others_are_unchanged(gradients, max_norm):
    for name, gradient in clipped(gradients, max_norm).items():
        np.testing.assert_array_equal(gradient, gradients[name])


def test_gradients_of_zero(gradients):
    zero = {name: tf.zeros_like(gradient) for name, gradient in gradients.items()}
    for gradient in clipped(zero, 1.0).values():
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))
