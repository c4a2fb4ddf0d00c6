"""Sources of parameters: variables, and constants with the names of the frozen graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.nn.parameters import Fixed, FrozenParameters, Normal, TrainableParameters
from deepmd_tf.nn.registry import Registry

VALUES = {"net/matrix_1": np.arange(6.0).reshape(2, 3), "net/bias_1": np.array([1.0, 2.0, 3.0])}


def test_variables_begin_with_initial_values():
    parameters = TrainableParameters()
    variable = parameters("a/b", (2, 2), Fixed(3.0), "float64")
    assert isinstance(variable, tf.Variable) and variable.trainable
    np.testing.assert_array_equal(variable, np.full((2, 2), 3.0))
    frozen = parameters("c", (2,), Fixed([1.0, 2.0]), "float32", False)
    assert not frozen.trainable and frozen.dtype == tf.float32
    assert set(parameters.values()) == {"a/b", "c"}


def test_values_are_a_copy():
    parameters = TrainableParameters()
    variable = parameters("a", (2,), Fixed(3.0), "float64")
    kept = parameters.values()["a"]
    variable.assign([5.0, 6.0])
    np.testing.assert_array_equal(kept, [3.0, 3.0])


def test_a_name_is_created_once():
    parameters = TrainableParameters()
    parameters("a", (1,), Fixed(0.0), "float64")
    with pytest.raises(ValueError, match="created twice"):
        parameters("a", (1,), Fixed(0.0), "float64")


def test_variables_begin_with_given_values():
    parameters = TrainableParameters(VALUES)
    np.testing.assert_array_equal(parameters("net/matrix_1", (2, 3), Normal(1.0), "float64"), VALUES["net/matrix_1"])
    with pytest.raises(InputError, match="parameter net/bias_2: not among the given values; have net/bias_1, net/mat"):
        parameters("net/bias_2", (3,), Normal(1.0), "float64")
    with pytest.raises(InputError, match=r"parameter net/bias_1: expected shape \(4,\).*got \(3,\)"):
        parameters("net/bias_1", (4,), Normal(1.0), "float64")


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_constants_have_the_names_of_the_frozen_graph(precision):
    with tf.Graph().as_default() as graph, tf.name_scope("somewhere/deep"):
        tensor = FrozenParameters(VALUES)("net/matrix_1", (2, 3), Normal(1.0), precision)
    assert tensor.op.name == "net/matrix_1/read" and tensor.op.type == "Identity"
    constant = tensor.op.inputs[0].op
    assert (constant.name, constant.type) == ("net/matrix_1", "Const")
    assert tensor.dtype.name == precision
    np.testing.assert_array_equal(
        tf.make_ndarray(graph.get_operation_by_name("net/matrix_1").get_attr("value")), VALUES["net/matrix_1"]
    )


def test_constants_of_another_shape_are_refused():
    with tf.Graph().as_default(), pytest.raises(InputError, match="the configuration must describe the same networks"):
        FrozenParameters(VALUES)("net/matrix_1", (2, 2), Normal(1.0), "float64")


def test_registry():
    registry = Registry("model.thing.type")

    @registry.register("b")
    class B:
        pass

    registry.register("a")(int)
    assert registry.find("b") is B and registry.find("a") is int
    with pytest.raises(InputError, match=r"model\.thing\.type: unknown value 'c', expected one of a, b"):
        registry.find("c")


def test_registered_parts():
    from deepmd_tf.config.variants import DESCRIPTORS as CONFIGURED_DESCRIPTORS
    from deepmd_tf.config.variants import FITTINGS as CONFIGURED_FITTINGS
    from deepmd_tf.descriptor import DESCRIPTORS
    from deepmd_tf.fitting import FITTINGS

    assert set(DESCRIPTORS) == set(CONFIGURED_DESCRIPTORS.classes)
    assert set(FITTINGS) == set(CONFIGURED_FITTINGS.classes)
