"""The energy loss and the errors it reports, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.config import LossConfig
from deepmd_tf.loss import METRICS, EnergyLoss, rmse
from deepmd_tf.model.energy_model import Prediction

NFRAMES, NATOMS = 3, 4
START_E, LIMIT_E, START_F, LIMIT_F, START_V, LIMIT_V = 0.02, 1.0, 1000.0, 1.0, 0.5, 2.0
CONFIG = LossConfig(
    start_pref_e=START_E,
    limit_pref_e=LIMIT_E,
    start_pref_f=START_F,
    limit_pref_f=LIMIT_F,
    start_pref_v=START_V,
    limit_pref_v=LIMIT_V,
)


@pytest.fixture
def case():
    """A prediction, labels, and the errors between them."""
    rng = np.random.default_rng(0)
    shapes = {"energy": (NFRAMES,), "force": (NFRAMES, NATOMS * 3), "virial": (NFRAMES, 9)}
    predicted = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    labels = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    blank = dict.fromkeys(Prediction._fields) | {"atom_energy": tf.zeros([NFRAMES, NATOMS], tf.float64)}
    prediction = Prediction(**blank | {name: tf.constant(value) for name, value in predicted.items()})
    return prediction, labels, {name: predicted[name] - labels[name] for name in shapes}


def given(labels, absent=()):
    tensors = {name: tf.constant(value) for name, value in labels.items()}
    return tensors | {f"has_{name}": tf.constant(float(name not in absent), tf.float64) for name in labels}


@pytest.mark.parametrize("ratio", [1.0, 0.3, 0.0])
def test_value(case, ratio):
    prediction, labels, error = case
    loss, _ = EnergyLoss(CONFIG)(prediction, given(labels), tf.constant(ratio, tf.float64))
    expected = (
        (LIMIT_E + (START_E - LIMIT_E) * ratio) * np.mean(error["energy"] ** 2) / NATOMS
        + (LIMIT_F + (START_F - LIMIT_F) * ratio) * np.mean(error["force"] ** 2)
        + (LIMIT_V + (START_V - LIMIT_V) * ratio) * np.mean(error["virial"] ** 2) / NATOMS
    )
    assert float(loss) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("absent", ["energy", "force", "virial"])
def test_absent_labels_do_not_count(case, absent):
    prediction, labels, _ = case
    without = {name: value * (name != absent) for name, value in labels.items()}
    loss, sums = EnergyLoss(CONFIG)(prediction, given(without, {absent}), tf.constant(0.5, tf.float64))
    zero = {f"{side}_pref_{absent[0]}": 0.0 for side in ("start", "limit")}
    other = EnergyLoss(LossConfig(**vars(CONFIG) | zero))
    expected, _ = other(prediction, given(labels), tf.constant(0.5, tf.float64))
    assert float(loss) == pytest.approx(float(expected), rel=1e-14)
    errors = rmse(sums.numpy(), 1)
    assert [name for name, value in errors.items() if np.isnan(value)] == [f"rmse_{absent[0]}"]


def test_terms_without_prefactor_are_left_out(case):
    prediction, labels, error = case
    loss = EnergyLoss(LossConfig(start_pref_e=1.0, limit_pref_e=1.0, start_pref_f=0.0, limit_pref_f=0.0))
    assert [term.label for term in loss.active] == ["energy"]
    value, sums = loss(prediction, given(labels), tf.constant(1.0, tf.float64))
    assert float(value) == pytest.approx(np.mean(error["energy"] ** 2) / NATOMS)
    assert np.isnan(rmse(sums.numpy(), 1)["rmse_f"])


def test_a_prefactor_that_only_ends_above_zero_is_active():
    config = LossConfig(start_pref_v=0.0, limit_pref_v=1.0)
    assert [term.key for term in EnergyLoss(config).active] == ["e", "f", "v"]


def test_errors_of_several_steps_are_pooled(case):
    """Steps of different size: the root of the mean over all components, energy and virial per atom."""
    prediction, labels, error = case
    loss = EnergyLoss(CONFIG)
    one = tf.constant(1.0, tf.float64)
    _, first = loss(prediction, given(labels), one)
    part = Prediction(*(None if p is None else p[:1] for p in prediction))
    _, second = loss(part, given({name: value[:1] for name, value in labels.items()}), one)
    errors = rmse(first.numpy() + second.numpy(), 2)
    pooled = {name: np.concatenate([value.ravel(), value[:1].ravel()]) for name, value in error.items()}
    assert errors["rmse_e"] == pytest.approx(np.sqrt(np.mean((pooled["energy"] / NATOMS) ** 2)))
    assert errors["rmse_f"] == pytest.approx(np.sqrt(np.mean(pooled["force"] ** 2)))
    assert errors["rmse_v"] == pytest.approx(np.sqrt(np.mean((pooled["virial"] / NATOMS) ** 2)))
    assert errors["rmse"] == pytest.approx(np.sqrt((first[0] + second[0]) / 2))
    assert len(METRICS) == first.shape[0]


def test_no_steps_are_no_error():
    errors = rmse(np.zeros(len(METRICS)), 0)
    assert all(np.isnan(value) for value in errors.values())
