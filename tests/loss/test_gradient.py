"""Gradients that training follows: the loss on energy, force and virial by every parameter, by finite differences.

They pass through second derivatives of the networks and the gradients of the compiled ops.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.config import LossConfig
from deepmd_tf.descriptor.padded import PaddedFrames
from deepmd_tf.loss import EnergyLoss

from ..frames import make_frame
from ..models import model_config, random_model

LOSS = {"start_pref_e": 1.0, "start_pref_f": 1.0, "start_pref_v": 1.0}
VARIANTS = {
    "one side, factors, residual first layer": {
        "type_embedding": {"neuron": [2, 4, 2], "use_tebd_bias": True, "resnet_dt": True},
        "descriptor": {"neuron": [3, 6, 6], "resnet_dt": True},
        "fitting_net": {"neuron": [5, 5], "resnet_dt": True, "atom_ener": [-1.0, None]},
    },
    "two sides, excluded pair, parameters": {
        "descriptor": {"type_one_side": False, "exclude_types": [[0, 0]], "activation_function": "gelu"},
        "fitting_net": {"numb_fparam": 2, "numb_aparam": 1, "activation_function": "softplus"},
    },
}


@functools.cache
def training(name):
    """The variables of a model by name, and a function to their loss and its gradients, on two frames."""
    config = model_config(VARIANTS[name])
    model, parameters = random_model(config, zlib.crc32(name.encode()))
    frame, other = (make_frame("triclinic", config=config, seed=seed) for seed in (0, 1))
    rng = np.random.default_rng(0)

    def both(first, second, width):
        return None if first is None else tf.constant(np.reshape([first, second], (2, width)))

    frames = PaddedFrames(
        both(frame.coord, other.coord, 18),
        tf.constant([frame.types, other.types], tf.int32),
        tf.constant([6, 6, 3, 3]),
        both(frame.cell, other.cell * 1.02, 9),
        tf.zeros([6], tf.int32),
        both(frame.fparam, other.fparam, -1),
        both(frame.aparam, other.aparam, -1),
    )
    labels = {"energy": rng.normal(size=2), "force": rng.normal(size=(12, 3)), "virial": rng.normal(size=(2, 9))}
    labels |= {f"has_{key}": np.ones(2) for key in tuple(labels)} | {"frame_splits": np.array([0, 6, 12], np.int32)}
    loss = EnergyLoss(LossConfig(**LOSS, limit_pref_e=1.0, limit_pref_f=1.0, limit_pref_v=1.0))
    variables = {key: v for key, v in parameters.by_name.items() if v.trainable}

    @tf.function
    def value_and_gradients():
        with tf.GradientTape() as tape:
            value, _ = loss(model(frames.flat()), labels, tf.constant(1.0, tf.float64))
        return value, tape.gradient(value, variables)

    return variables, value_and_gradients


@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter(name):
    variables, value_and_gradients = training(name)
    _, gradients = value_and_gradients()
    rng, step = np.random.default_rng(1), 1e-5
    missing = [key for key, gradient in gradients.items() if gradient is None]
    assert not missing
    for key, variable in variables.items():
        kept = variable.numpy()
        for direction in (rng.normal(size=kept.shape), np.eye(1, kept.size, kept.size - 1).reshape(kept.shape)):
            values = []
            for sign in (1, -1):
                variable.assign(kept + sign * step * direction)
                values.append(float(value_and_gradients()[0]))
            variable.assign(kept)
            expected = (values[0] - values[1]) / (2 * step)
            along = float(np.sum(gradients[key].numpy() * direction))
            scale = max(1e-2, np.abs(gradients[key]).max())
            assert along == pytest.approx(expected, abs=1e-6 * scale), key


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_parameter_is_there(name):
    kinds = {key.rsplit("/")[0] + "/" + key.rsplit("/")[-1].split("_")[0] for key in training(name)[0]}
    expected = {f"{scope}/{part}" for scope in ("filter_type_all", "layer_0") for part in ("matrix", "bias")}
    assert expected | {"type_embed_net/matrix", "final_layer/matrix", "final_layer/bias"} <= kinds
    if "factors" in name:
        assert {"type_embed_net/idt", "type_embed_net/bias", "filter_type_all/idt", "layer_1/idt"} <= kinds
