"""Counts of operations against products that are written out."""

from __future__ import annotations

import json

import tensorflow as tf

from benchmarks import operations
from benchmarks.inputs import HERE


def test_forward_counts():
    assert operations.fitting_forward(3, [5]) == 2 * (3 * 5 + 5 * 1)
    assert operations.contraction_forward(100, 16) == 2 * 100 * 4 * 16


def test_step_of_the_water_model():
    model = json.loads((HERE / "water.json").read_text())["model"]
    one = 2 * (1600 * 240 + 240 * 240 + 240 * 240 + 240)
    assert operations.training_step(model, 192) == 192 * (6 * one + 9 * 2 * 4 * 100 * 16)
    assert operations.training_step(model, 384) == 2 * operations.training_step(model, 192)


def products(tensors) -> int:
    """Operations of the matrix products that the computation of tensors needs."""
    waiting, needed = [tensor.op for tensor in tensors], set()
    while waiting:
        op = waiting.pop()
        if op not in needed:
            needed.add(op)
            waiting += [tensor.op for tensor in op.inputs]
    total = 0
    for op in needed:
        if op.type in ("MatMul", "BatchMatMulV2"):
            transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
            total += 2 * op.inputs[0].shape[-2 if transposed else -1] * op.outputs[0].shape.num_elements()
    return total


def step_of(energy_of, descriptor_parameters, weights):
    """The derivatives of a loss of the energy and of its derivative by a displacement."""
    shift = tf.compat.v1.placeholder(tf.float64, descriptor_parameters.shape)
    energy = energy_of(descriptor_parameters + shift)
    force = tf.gradients(energy, shift)[0]
    loss = tf.reduce_sum(energy) ** 2 + tf.reduce_sum(force**2)
    return tf.gradients(loss, [descriptor_parameters, *weights])


def test_passes_of_the_fitting_net():
    """A layer's product appears six times in a training step; TensorFlow's own derivatives are the witness."""
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, [7, 11])
        first = tf.compat.v1.placeholder(tf.float64, [11, 5])
        second = tf.compat.v1.placeholder(tf.float64, [5, 3])
        step = step_of(lambda d: tf.tanh(tf.tanh(d @ first) @ second), x, [first, second])
        assert products(step) == operations.FITTING_PASSES * 2 * 7 * (11 * 5 + 5 * 3)


def test_passes_of_the_contraction():
    """The contraction is bilinear in one tensor: nine products."""
    with tf.Graph().as_default():
        t = tf.compat.v1.placeholder(tf.float64, [6, 4, 10])
        step = step_of(lambda u: tf.tanh(tf.matmul(u, u[:, :, :3], transpose_a=True)), t, [])
        forward = 6 * operations.contraction_forward(10, 3)
        assert products(step) == operations.CONTRACTION_PASSES * forward
