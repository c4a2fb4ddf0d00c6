"""Dense layers and the residual rule, against NumPy; initial values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.nn.dense import Dense, NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet, add_residual
from deepmd_tf.nn.parameters import TrainableParameters

from .. import reference

NAMES = ("layer/matrix", "layer/bias", "layer/idt")


def options(seed=1, activation="tanh", resnet_dt=False, precision="float64"):
    return NetOptions(activation, resnet_dt, precision, seed)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("idt_mean", [None, 0.1])
def test_dense(use_bias, idt_mean):
    layer = Dense(TrainableParameters(), NAMES, 3, 5, options(), use_bias=use_bias, idt_mean=idt_mean)
    assert (layer.bias is not None, layer.idt is not None) == (use_bias, idt_mean is not None)
    x = np.random.default_rng(0).normal(size=(4, 3))
    expected = np.tanh(x @ layer.matrix.numpy() + (layer.bias.numpy() if use_bias else 0))
    expected *= 1 if idt_mean is None else layer.idt.numpy()
    np.testing.assert_allclose(layer(tf.constant(x)), expected, rtol=0, atol=1e-15)


def test_residual_rule():
    x = np.array([[1.0, 2.0, 3.0]])
    for width, added in (
        (3, [1, 2, 3]),
        (6, [1, 2, 3, 1, 2, 3]),
        (2, [0, 0]),
        (4, [0] * 4),
        (5, [0] * 5),
        (9, [0] * 9),
    ):
        result = add_residual(tf.fill([1, width], tf.constant(10.0, tf.float64)), tf.constant(x))
        np.testing.assert_array_equal(result, [10.0 + np.array(added)])


class _Net:
    """What the reference asks of a section of the input."""

    def __init__(self, neuron, activation_function="tanh"):
        self.neuron, self.activation_function = neuron, activation_function


@pytest.mark.parametrize("resnet_dt", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("neuron", [[3], [6, 6], [4, 8, 8, 5], [2, 2, 4, 3]])
def test_embedding_net(neuron, resnet_dt, use_bias):
    parameters = TrainableParameters()
    net = EmbeddingNet(parameters, "net", 3, neuron, options(resnet_dt=resnet_dt), use_bias=use_bias)
    widths = [3, *neuron]
    for k, (n_in, n_out) in enumerate(itertools.pairwise(widths), 1):
        residual = n_out in (n_in, 2 * n_in)
        assert (f"net/idt_{k}" in parameters.by_name) == (resnet_dt and residual)
        assert (f"net/bias_{k}" in parameters.by_name) == use_bias
        assert parameters.by_name[f"net/matrix_{k}"].shape == (n_in, n_out)
    assert net.first_is_residual == (neuron[0] in (3, 6))
    assert (net.n_in, net.n_out) == (3, neuron[-1])
    x = np.random.default_rng(0).normal(size=(4, 3))
    values = parameters.values()
    expected = [reference.embedding_net(row, values, "net", _Net(neuron)) for row in x]
    np.testing.assert_allclose(net(tf.constant(x)), expected, rtol=1e-13, atol=1e-14)


def test_initial_values_have_the_right_spread():
    parameters = TrainableParameters()
    Dense(parameters, NAMES, 300, 500, options(), idt_mean=0.1)
    matrix, bias, idt = (parameters.values()[name] for name in NAMES)
    assert matrix.std() == pytest.approx(1 / np.sqrt(800), rel=0.01)
    assert abs(matrix.mean()) < 4 * matrix.std() / np.sqrt(matrix.size)
    assert bias.std() == pytest.approx(1.0, rel=0.1) and abs(bias.mean()) < 0.2
    assert idt.std() == pytest.approx(1e-3, rel=0.1) and idt.mean() == pytest.approx(0.1, abs=2e-4)
    # Normal, not merely of the right width: 0.27 % lie beyond three deviations.
    assert np.mean(np.abs(matrix) > 3 * matrix.std()) == pytest.approx(0.0027, abs=0.0004)


def test_embedding_nets_begin_with_factors_near_one():
    parameters = TrainableParameters()
    EmbeddingNet(parameters, "net", 400, [400], options(resnet_dt=True))
    idt = parameters.values()["net/idt_1"]
    assert idt.mean() == pytest.approx(1.0, abs=3e-4) and idt.std() == pytest.approx(1e-3, rel=0.2)


def test_constant_bias():
    layer = Dense(TrainableParameters(), NAMES, 2, 3, options(), bias=0.0)
    np.testing.assert_array_equal(layer.bias, np.zeros(3))


def initial(names, seed):
    parameters = TrainableParameters()
    for name in names:
        Dense(parameters, (f"{name}/matrix", f"{name}/bias", f"{name}/idt"), 4, 6, options(seed), idt_mean=1.0)
    return parameters.values()


def test_seed_makes_values_reproducible_in_any_order():
    first, again, reverse = initial("abc", 7), initial("abc", 7), initial("cba", 7)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        np.testing.assert_array_equal(value, reverse[name])


def test_parameters_differ_from_each_other_and_between_seeds():
    first, other = initial("ab", 7), initial("ab", 8)
    assert np.abs(first["a/matrix"] - first["b/matrix"]).min() > 0
    assert np.abs(first["a/bias"] - first["a/idt"]).min() > 0
    assert all(np.abs(first[name] - other[name]).min() > 0 for name in first)


def test_no_seed_is_fresh_every_time():
    first, other = initial("a", None), initial("a", None)
    assert all(np.abs(first[name] - other[name]).max() > 0 for name in first)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_precision(precision):
    parameters = TrainableParameters()
    net = EmbeddingNet(parameters, "net", 2, [4], options(resnet_dt=True, precision=precision))
    assert {variable.dtype.name for variable in parameters.by_name.values()} == {precision}
    assert net(tf.ones([3, 2], precision)).dtype.name == precision


def test_trainable():
    for trainable in (True, False):
        parameters = TrainableParameters()
        EmbeddingNet(parameters, "net", 2, [4], options(resnet_dt=True), trainable=trainable)
        assert {variable.trainable for variable in parameters.by_name.values()} == {trainable}
