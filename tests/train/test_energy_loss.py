"""The energy loss against NumPy: every term, absent labels, prefactors, errors averaged over steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.config.loss import LossConfig
from deepmd_tf.loss import METRICS, EnergyLoss, rmse
from deepmd_tf.model.energy_model import Prediction

ALL = {"start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000.0, "limit_pref_f": 2.0}
ALL |= {"start_pref_v": 0.3, "limit_pref_v": 4.0}
LABELS = ("energy", "force", "virial")


def batch(rng, nframes=3, natoms=5):
    """Predictions and labels as arrays, [nframes, width]."""
    widths = {"energy": 1, "force": 3 * natoms, "virial": 9}
    return [{name: rng.normal(size=(nframes, width)) for name, width in widths.items()} for _ in range(2)]


def evaluate(config, predicted, labels, ratio=1.0, natoms=5, absent=()):
    nframes = len(predicted["energy"])
    tensors = {name: tf.constant(rows) for name, rows in predicted.items()}
    prediction = Prediction(
        tensors["energy"][:, 0],
        tensors["force"],
        tensors["virial"],
        tf.zeros([nframes, natoms], tf.float64),
        tf.zeros([nframes, 9 * natoms], tf.float64),
        None,
        None,
        None,
    )
    feed = {name: tf.constant(rows[:, 0] if name == "energy" else rows) for name, rows in labels.items()}
    feed |= {f"has_{name}": tf.constant(0.0 if name in absent else 1.0, tf.float64) for name in LABELS}
    total, metrics = EnergyLoss(LossConfig(**config))(prediction, feed, tf.constant(ratio, tf.float64))
    return float(total), metrics.numpy()


def expected(config, predicted, labels, ratio=1.0, natoms=5, absent=()):
    """L = p_e mean(dE^2)/N + p_f mean(dF^2) + p_v mean(dV^2)/N, p = limit + (start - limit) lr/lr(0)."""
    total = 0.0
    for key, name, divisor in (("e", "energy", natoms), ("f", "force", 1), ("v", "virial", natoms)):
        start, limit = config.get(f"start_pref_{key}", 0.0), config.get(f"limit_pref_{key}", 0.0)
        if name not in absent:
            prefactor = limit * (1 - ratio) + start * ratio
            total += prefactor * np.mean((predicted[name] - labels[name]) ** 2) / divisor
    return total


@pytest.mark.parametrize("ratio", [1.0, 0.25, 0.0])
def test_loss_is_the_sum_of_its_terms(rng, ratio):
    predicted, labels = batch(rng)
    total, metrics = evaluate(ALL, predicted, labels, ratio)
    assert total == pytest.approx(expected(ALL, predicted, labels, ratio), rel=1e-13)
    assert metrics[METRICS.index("loss")] == total


@pytest.mark.parametrize("key", ["e", "f", "v"])
def test_each_term_alone(rng, key):
    config = {f"{end}_pref_{other}": 0.0 for end in ("start", "limit") for other in "efv"}
    config |= {f"start_pref_{key}": 3.0, f"limit_pref_{key}": 0.5}
    predicted, labels = batch(rng)
    assert evaluate(config, predicted, labels, 0.4)[0] == pytest.approx(expected(config, predicted, labels, 0.4))


@pytest.mark.parametrize("absent", [("virial",), ("energy",), ("force", "virial"), LABELS])
def test_absent_labels_are_inactive(rng, absent):
    """Whatever numbers stand in their place, they change neither loss nor errors."""
    predicted, labels = batch(rng)
    total, metrics = evaluate(ALL, predicted, labels, absent=absent)
    assert total == pytest.approx(expected(ALL, predicted, labels, absent=absent))
    errors = rmse(metrics, 1)
    for key, name in zip("efv", LABELS, strict=True):
        assert math.isnan(errors[f"rmse_{key}"]) == (name in absent)


def test_inactive_terms_have_neither_loss_nor_error(rng):
    predicted, labels = batch(rng)
    config = {"start_pref_v": 0.0, "limit_pref_v": 0.0}
    total, metrics = evaluate(config, predicted, labels)
    assert total == pytest.approx(expected({"start_pref_e": 0.02, "start_pref_f": 1000.0}, predicted, labels))
    assert math.isnan(rmse(metrics, 1)["rmse_v"])
    assert [term.key for term in EnergyLoss(LossConfig(**config)).active] == ["e", "f"]


def test_a_term_that_starts_or_ends_at_zero_is_active():
    config = {"start_pref_e": 0.0, "limit_pref_e": 1.0, "start_pref_v": 1.0, "limit_pref_v": 0.0}
    assert [term.key for term in EnergyLoss(LossConfig(**config)).active] == ["e", "f", "v"]


def test_errors_are_pooled_over_steps(rng):
    """Over steps of different size the error is the root mean square over all components, not a mean of means."""
    sums, differences, losses = np.zeros(len(METRICS)), {name: [] for name in LABELS}, []
    for nframes, natoms in ((3, 5), (1, 2), (4, 3)):
        predicted, labels = batch(rng, nframes, natoms)
        total, metrics = evaluate(ALL, predicted, labels, natoms=natoms)
        sums += metrics
        losses.append(total)
        for name in LABELS:
            per_atom = 1 if name == "force" else natoms
            differences[name].append(((predicted[name] - labels[name]) / per_atom).ravel())
    errors = rmse(sums, 3)
    assert errors["rmse"] == pytest.approx(np.sqrt(np.mean(losses)))
    for key, name in zip("efv", LABELS, strict=True):
        assert errors[f"rmse_{key}"] == pytest.approx(np.sqrt(np.mean(np.concatenate(differences[name]) ** 2)))


def test_errors_of_no_steps_are_nan():
    assert all(math.isnan(value) for value in rmse(np.zeros(len(METRICS)), 0).values())
