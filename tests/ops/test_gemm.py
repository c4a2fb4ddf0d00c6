import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops


def test_product_and_its_gradients(rng):
    a, b = tf.constant(rng.normal(size=(5, 4))), tf.constant(rng.normal(size=(4, 3)))
    np.testing.assert_allclose(ops.dense_product(a, b), tf.matmul(a, b), rtol=1e-14)
    theoretical, numerical = tf.test.compute_gradient(ops.dense_product, [a, b], delta=1e-3)
    for got, expected in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


def test_gradients_of_gradients(rng):
    """Every transpose comes up in them; those of MatMul are the reference."""

    def penalty(product, a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            value = tf.reduce_sum(tf.tanh(product(a, b)))
        a_grad, b_grad = tape.gradient(value, [a, b])
        return tf.reduce_sum(a_grad**2) + tf.reduce_sum(b_grad**3)

    a, b = tf.constant(rng.normal(size=(6, 4))), tf.constant(rng.normal(size=(4, 3)))
    found = []
    for product in (ops.dense_product, tf.matmul):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            value = penalty(product, a, b)
        found.append(tape.gradient(value, [a, b]))
    for got, expected in zip(*found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5)), ((2,), (2, 2)), ((2, 3, 4), (4, 2))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        ops.dense_product(*(np.zeros(shape) for shape in shapes))


def test_shape_is_inferred():
    @tf.function
    def product(a, b):
        result = ops.dense_product(a, b)
        assert result.shape.as_list() == [None, 7]
        return result

    product.get_concrete_function(tf.TensorSpec([None, 3]), tf.TensorSpec([3, 7]))
