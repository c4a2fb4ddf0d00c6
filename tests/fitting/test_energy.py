"""The energy fitting net by itself, against NumPy."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.errors import InputError
from deepmd_tf.fitting import make_fitting
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import FittingStatistics

from .. import reference
from ..models import model_config

WIDTH, TYPE_WIDTH, NFRAMES = 5, 2, 3
TYPES = np.array([0, 1, 1, 0])


def build(**changes):
    """A fitting net, its section of the input, and its parameters."""
    config = model_config({"fitting_net": changes}).model.fitting_net
    rng = np.random.default_rng(1)
    statistics = FittingStatistics(
        np.array([-3.0, 4.0]),
        (rng.normal(size=config.numb_fparam), rng.uniform(0.5, 2, config.numb_fparam)),
        (rng.normal(size=config.numb_aparam), rng.uniform(0.5, 2, config.numb_aparam)),
    )
    parameters = TrainableParameters()
    fitting = make_fitting(
        config, descriptor_width=WIDTH, type_width=TYPE_WIDTH, statistics=statistics, parameters=parameters
    )
    return fitting, config, parameters, statistics


CASES = {
    "plain": {},
    "one layer": {"neuron": [4]},
    "residual": {"neuron": [4, 4, 6, 6], "resnet_dt": True},
    "frame parameters": {"numb_fparam": 2},
    "atomic parameters": {"numb_aparam": 3},
    "both": {"numb_fparam": 1, "numb_aparam": 2},
    "anchored": {"atom_ener": [None, 4.0], "numb_fparam": 1},
}


@pytest.mark.parametrize("product", [tf.matmul, ops.dense_product])
@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_energies(changes, product):
    fitting, config, parameters, statistics = build(**changes)
    rng = np.random.default_rng(2)
    natoms = len(TYPES)
    descriptor = rng.normal(size=(NFRAMES * natoms, WIDTH))
    table = rng.normal(size=(2, TYPE_WIDTH))
    fparam = rng.normal(size=(NFRAMES, config.numb_fparam))
    aparam = rng.normal(size=(NFRAMES, natoms, config.numb_aparam))
    result = fitting(
        tf.constant(descriptor),
        tf.constant(table),
        tf.constant(np.tile(TYPES, NFRAMES), tf.int32),
        tf.constant(np.repeat(fparam, natoms, axis=0)) if config.numb_fparam else None,
        tf.constant(aparam.reshape(NFRAMES * natoms, -1)) if config.numb_aparam else None,
        product=product,
    )
    values = parameters.values()
    scaled_f = (fparam - statistics.fparam[0]) / statistics.fparam[1]
    scaled_a = (aparam - statistics.aparam[0]) / statistics.aparam[1]
    assert result.shape == (NFRAMES * natoms,) and result.dtype == tf.float64
    for frame, atom in np.ndindex(NFRAMES, natoms):
        rest = [table[TYPES[atom]], scaled_f[frame], scaled_a[frame, atom]]
        d = descriptor[frame * natoms + atom]
        expected = reference.fitting_net(np.concatenate([d, *rest]), values, config)
        if config.atom_ener:
            expected -= reference.fitting_net(np.concatenate([0 * d, *rest]), values, config)
        expected += statistics.energy_bias[TYPES[atom]]
        assert float(result[frame * natoms + atom]) == pytest.approx(expected, abs=1e-12)


def test_parameters():
    _, _, parameters, statistics = build(neuron=[4, 4, 6, 6], resnet_dt=True, numb_fparam=1, numb_aparam=2)
    assert {name: tuple(v.shape) for name, v in parameters.by_name.items()} == {
        "layer_0/matrix": (WIDTH + TYPE_WIDTH + 3, 4),
        "layer_0/bias": (4,),
        "layer_1/matrix": (4, 4),
        "layer_1/bias": (4,),
        "layer_1/idt": (4,),
        "layer_2/matrix": (4, 6),
        "layer_2/bias": (6,),
        "layer_3/matrix": (6, 6),
        "layer_3/bias": (6,),
        "layer_3/idt": (6,),
        "final_layer/matrix": (6, 1),
        "final_layer/bias": (1,),
        "fitting_attr/t_bias_atom_e": (2,),
        "fitting_attr/t_fparam_avg": (1,),
        "fitting_attr/t_fparam_istd": (1,),
        "fitting_attr/t_aparam_avg": (2,),
        "fitting_attr/t_aparam_istd": (2,),
    }
    values = parameters.values()
    np.testing.assert_array_equal(values["final_layer/bias"], [0.0])
    np.testing.assert_array_equal(values["fitting_attr/t_bias_atom_e"], [-3.0, 4.0])
    np.testing.assert_allclose(values["fitting_attr/t_aparam_istd"], 1 / statistics.aparam[1])
    assert values["layer_1/idt"].mean() == pytest.approx(0.1, abs=3e-3)


@pytest.mark.parametrize(
    "trainable, expected",
    [(True, {"layer_0", "layer_1", "final_layer"}), (False, set()), ([True, False, True], {"layer_0", "final_layer"})],
)
def test_trainable_layers(trainable, expected):
    _, _, parameters, _ = build(trainable=trainable)
    assert {name.split("/")[0] for name, v in parameters.by_name.items() if v.trainable} == expected


def test_unknown_type_is_refused():
    with pytest.raises(InputError, match=r"model\.fitting_net\.type: unknown value 'mass', expected one of ener"):
        make_fitting(types.SimpleNamespace(type="mass"))
