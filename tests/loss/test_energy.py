"""The energy loss against NumPy: every term, absent labels, frames of different size, errors averaged over steps."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.config.loss import LossConfig
from deepmd_tf.loss import METRICS, EnergyLoss, rmse

ALL = {"start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000.0, "limit_pref_f": 2.0}
ALL |= {"start_pref_v": 0.3, "limit_pref_v": 4.0}
LABELS = ("energy", "force", "virial")
EQUAL, UNEQUAL = (5, 5, 5), (5, 1, 8, 3)


def case(rng, sizes):
    """Predictions and labels of frames with `sizes` atoms, all labels present."""
    shapes = {"energy": (len(sizes),), "force": (sum(sizes), 3), "virial": (len(sizes), 9)}
    predicted, labels = ({name: rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(2))
    labels |= {f"has_{name}": np.ones(len(sizes)) for name in LABELS}
    return predicted, labels | {"frame_splits": np.cumsum([0, *sizes]).astype(np.int32)}


def evaluate(config, predicted, labels, ratio=1.0):
    """Loss and metrics, inside a graph as training computes them."""
    loss = EnergyLoss(LossConfig(**config))
    predicted = {name: tf.constant(rows) for name, rows in predicted.items()}
    labels = {name: tf.constant(rows) for name, rows in labels.items()}

    @tf.function
    def compute(predicted, labels, ratio):
        return loss(SimpleNamespace(**predicted), labels, ratio)

    total, metrics = compute(predicted, labels, tf.constant(ratio, tf.float64))
    return float(total), metrics.numpy()


def prefactors(config, ratio):
    return [
        config.get(f"limit_pref_{key}", 0.0) * (1 - ratio) + config.get(f"start_pref_{key}", 0.0) * ratio
        for key in "efv"
    ]


def expected(config, predicted, labels, ratio=1.0):
    """The loss frame by frame: means over those that have the label."""
    errors = {name: [] for name in LABELS}
    for frame, (start, end) in enumerate(zip(labels["frame_splits"][:-1], labels["frame_splits"][1:], strict=True)):
        for name in LABELS:
            where = slice(start, end) if name == "force" else frame
            error = (predicted[name][where] - labels[name][where]) ** 2
            if labels[f"has_{name}"][frame]:
                errors[name].append(error.ravel() if name == "force" else error / (end - start))
    return sum(
        prefactor * np.mean(np.concatenate(values) if name == "force" else values)
        for prefactor, (name, values) in zip(prefactors(config, ratio), errors.items(), strict=True)
        if values
    )


@pytest.mark.parametrize("ratio", [1.0, 0.25, 0.0])
def test_equal_frames_give_the_published_formula(rng, ratio):
    """L = p_e mean(dE^2)/N + p_f mean(dF^2) + p_v mean(dV^2)/N."""
    predicted, labels = case(rng, EQUAL)
    means = [np.mean((predicted[name] - labels[name]) ** 2) for name in LABELS]
    published = np.dot(prefactors(ALL, ratio), np.divide(means, [5, 1, 5]))
    assert evaluate(ALL, predicted, labels, ratio)[0] == pytest.approx(published, rel=1e-13)


@pytest.mark.parametrize("ratio", [1.0, 0.25, 0.0])
@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL, (1,)])
def test_loss_is_the_sum_of_its_terms(rng, sizes, ratio):
    predicted, labels = case(rng, sizes)
    total, metrics = evaluate(ALL, predicted, labels, ratio)
    assert total == pytest.approx(expected(ALL, predicted, labels, ratio), rel=1e-13)
    assert metrics[METRICS.index("loss")] == total
    assert len(metrics) == len(METRICS)


@pytest.mark.parametrize("key", ["e", "f", "v"])
def test_each_term_alone(rng, key):
    config = {f"{end}_pref_{other}": 0.0 for end in ("start", "limit") for other in "efv"}
    config |= {f"start_pref_{key}": 3.0, f"limit_pref_{key}": 0.5}
    predicted, labels = case(rng, UNEQUAL)
    assert evaluate(config, predicted, labels, 0.4)[0] == pytest.approx(expected(config, predicted, labels, 0.4))


@pytest.mark.parametrize("absent", [("virial",), ("energy",), ("force", "virial"), LABELS])
def test_absent_labels_are_inactive(rng, absent):
    """Whatever numbers stand in their place, they change neither loss nor errors."""
    predicted, labels = case(rng, UNEQUAL)
    labels |= {f"has_{name}": np.zeros(len(UNEQUAL)) for name in absent}
    total, metrics = evaluate(ALL, predicted, labels)
    assert total == pytest.approx(expected(ALL, predicted, labels))
    errors = rmse(metrics, 1)
    for key, name in zip("efv", LABELS, strict=True):
        assert math.isnan(errors[f"rmse_{key}"]) == (name in absent)


def test_frames_without_a_label_are_as_if_left_out(rng):
    """The means are over frames that have the label, those of the forces over their components."""
    predicted, labels = case(rng, UNEQUAL)
    labels |= {
        "has_energy": np.array([1.0, 0.0, 1.0, 1.0]),
        "has_force": np.array([0.0, 1.0, 1.0, 0.0]),
        "has_virial": np.array([0.0, 0.0, 0.0, 1.0]),
    }
    total, metrics = evaluate(ALL, predicted, labels, 0.7)
    assert total == pytest.approx(expected(ALL, predicted, labels, 0.7), rel=1e-13)
    assert [metrics[METRICS.index(f"count_{key}")] for key in "efv"] == [3, 3 * (1 + 8), 9]


def test_a_gradient_reaches_only_frames_that_have_the_label(rng):
    predicted, labels = case(rng, UNEQUAL)
    labels |= {"has_force": np.array([0.0, 1.0, 0.0, 1.0]), "has_energy": np.zeros(4)}
    tensors = {name: tf.constant(rows) for name, rows in predicted.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total, _ = EnergyLoss(LossConfig(**ALL))(SimpleNamespace(**tensors), labels, tf.constant(1.0, tf.float64))
    gradient = tape.gradient(total, tensors)
    error = predicted["force"] - labels["force"]
    has = np.repeat([0, 1, 0, 1], UNEQUAL)[:, None]
    np.testing.assert_allclose(gradient["force"], 1000.0 * 2 * error * has / (3 * has.sum()), rtol=1e-13)
    assert not gradient["energy"].numpy().any()


def test_inactive_terms_have_neither_loss_nor_error(rng):
    predicted, labels = case(rng, UNEQUAL)
    config = {"start_pref_v": 0.0, "limit_pref_v": 0.0}
    total, metrics = evaluate(config, predicted, labels)
    assert total == pytest.approx(expected({"start_pref_e": 0.02, "start_pref_f": 1000.0}, predicted, labels))
    assert math.isnan(rmse(metrics, 1)["rmse_v"])
    assert [term.key for term in EnergyLoss(LossConfig(**config)).active] == ["e", "f"]


def test_a_term_that_starts_or_ends_at_zero_is_active():
    config = {"start_pref_e": 0.0, "limit_pref_e": 1.0, "start_pref_v": 1.0, "limit_pref_v": 0.0}
    assert [term.key for term in EnergyLoss(LossConfig(**config)).active] == ["e", "f", "v"]


def test_errors_are_pooled_over_steps(rng):
    """Root mean squares over all components of all frames, per atom of each frame, not means of means."""
    sums, differences, losses = np.zeros(len(METRICS)), {name: [] for name in LABELS}, []
    for sizes in (EQUAL, (2,), UNEQUAL):
        predicted, labels = case(rng, sizes)
        total, metrics = evaluate(ALL, predicted, labels)
        sums += metrics
        losses.append(total)
        for name in LABELS:
            error = predicted[name] - labels[name]
            differences[name].append((error.T / (1 if name == "force" else np.array(sizes))).ravel())
    errors = rmse(sums, 3)
    assert errors["rmse"] == pytest.approx(np.sqrt(np.mean(losses)))
    for key, name in zip("efv", LABELS, strict=True):
        assert errors[f"rmse_{key}"] == pytest.approx(np.sqrt(np.mean(np.concatenate(differences[name]) ** 2)))


def test_errors_of_no_steps_are_nan():
    assert all(math.isnan(value) for value in rmse(np.zeros(len(METRICS)), 0).values())
