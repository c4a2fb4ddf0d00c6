"""SOAP against its formula (Vyas et al., arXiv 2409.11321) in NumPy, its blocks, its restarts and its ranks."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.nn.blocks import Block, all_blocks, elementwise, row_blocks, whole
from deepmd_tf.optimizer.soap import Soap, SoapOptions
from deepmd_tf.train.ranks import ALONE
from deepmd_tf.train.run import Run

from ..models import VARIANTS, random_model, variant_config
from ..runs import INPUT, changed, stored_state, write_data
from ..threaded import on_ranks


def along(tensor, matrix, axis):
    """``sum_j matrix[i, j] tensor[.., j, ..]``."""
    return np.moveaxis(np.tensordot(matrix, tensor, axes=(1, axis)), 0, axis)


class Reference:
    """SOAP of one block, every basis refreshed in the steps of its turn."""

    def __init__(self, value, options, turns):
        self.value, self.options, self.turns = value.copy(), options, turns
        self.factors = [np.zeros((d, d)) for d in value.shape]
        self.bases = [np.eye(d) for d in value.shape]
        self.first, self.second = np.zeros_like(value), np.zeros_like(value)
        self.steps = 0

    def step(self, gradient, rate):
        options, number = self.options, self.steps
        self.value = (1 - rate * options.weight_decay) * self.value
        if number:
            rotated = gradient
            for axis, basis in enumerate(self.bases):
                rotated = along(rotated, basis.T, axis)
            beta1, beta2 = options.betas
            self.first = beta1 * self.first + (1 - beta1) * rotated
            self.second = beta2 * self.second + (1 - beta2) * rotated**2
            update = (self.first / (1 - beta1**number)) / (np.sqrt(self.second / (1 - beta2**number)) + options.epsilon)
            for axis, basis in enumerate(self.bases):
                update = along(update, basis, axis)
            self.value = self.value - rate * update
        beta = options.factor_beta if number else 0.0
        for axis, factor in enumerate(self.factors):
            flat = np.moveaxis(gradient, axis, 0).reshape(gradient.shape[axis], -1)
            self.factors[axis] = beta * factor + (1 - beta) * flat @ flat.T
        self.steps += 1
        for axis, turn in enumerate(self.turns):
            if self.steps == 1:
                basis = np.linalg.eigh(self.factors[axis])[1][:, ::-1]
            elif self.steps % options.interval == turn:
                basis, triangular = np.linalg.qr(self.factors[axis] @ self.bases[axis])
                basis = basis * np.where(np.diag(triangular) < 0, -1, 1)
            else:
                continue
            self.first = along(self.first, basis.T @ self.bases[axis], axis)
            self.bases[axis] = basis


def turns_of(soap, name):
    """In which step of an interval each axis of the only block of a parameter is refreshed."""
    (state,) = soap._states[name]
    return [
        next(turn for turn, entries in enumerate(soap._plan) if any(s is state and k == axis for s, k in entries))
        for axis in range(len(state.axes))
    ]


@pytest.mark.parametrize("axes", [(4, 4), (4, 2, 3)])  # factors of full rank, whose eigenvectors are unique
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_updates_are_those_of_the_formula(rng, axes, weight_decay):
    options = SoapOptions((0.9, 0.8), 0.7, interval=3, weight_decay=weight_decay, precision="float64")
    start = rng.normal(size=(math.prod(axes[:-1]), axes[-1]))
    variable = tf.Variable(start)
    soap = Soap({"w": variable}, {"w": (Block(0, len(start), axes),)}, options)
    expected = Reference(start.reshape(axes), options, turns_of(soap, "w"))
    apply = tf.function(lambda gradient, rate: soap.apply({"w": gradient}, rate))
    for number in range(12):
        gradient = rng.normal(size=start.shape) * (1 + number)
        apply(tf.constant(gradient), tf.constant(0.1, tf.float64))
        soap.refresh(ALONE)
        expected.step(gradient.reshape(axes), 0.1)
        np.testing.assert_allclose(variable.numpy(), expected.value.reshape(start.shape), rtol=1e-9, atol=1e-9)
    assert np.abs(variable.numpy() - start).max() > 0.1


def test_bases_stay_orthogonal_in_single_precision(rng):
    variable = tf.Variable(rng.normal(size=(40, 30)))
    soap = Soap({"w": variable}, {"w": whole((40, 30))}, SoapOptions(interval=2))
    apply = tf.function(lambda gradient: soap.apply({"w": gradient}, tf.constant(1e-3, tf.float64)))
    for _ in range(60):
        apply(tf.constant(rng.normal(size=(40, 30)) * 10.0 ** rng.integers(-6, 6)))
        soap.refresh(ALONE)
    for basis in soap._states["w"][0].bases:
        np.testing.assert_allclose(basis.numpy().T @ basis.numpy(), np.eye(basis.shape[0]), atol=2e-5)


def test_it_descends_where_adam_crawls(rng):
    """Least squares along axes that are not those of the parameters, with eigenvalues from 1 to 1e-4."""
    turn, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    matrix = tf.constant(turn @ np.diag(10.0 ** np.linspace(0, -2, 12)) @ turn.T)
    target = tf.constant(rng.normal(size=(12, 8)))

    def reached(options):
        variable = tf.Variable(np.zeros((12, 8)))
        blocks = whole((12, 8)) if options.interval < 1000 else elementwise((12, 8))
        soap = Soap({"w": variable}, {"w": blocks}, options)

        @tf.function
        def step(rate):
            residual = matrix @ (variable - target)
            soap.apply({"w": tf.transpose(matrix) @ residual}, rate)
            return tf.reduce_sum(residual**2)

        for number in range(300):
            loss = step(tf.constant(0.1 * (1 - number / 300), tf.float64))
            soap.refresh(ALONE)
        return loss.numpy()

    assert reached(SoapOptions()) < 0.1 * reached(SoapOptions(interval=1000))


def test_a_factor_that_is_not_finite_keeps_the_basis_and_is_logged_once(rng, logged):
    logging.getLogger("deepmd_tf").setLevel(logging.INFO)
    variable = tf.Variable(rng.normal(size=(4, 3)))
    soap = Soap({"w": variable}, {"w": whole((4, 3))}, SoapOptions(interval=1))
    for _ in range(3):
        soap.apply({"w": tf.constant(rng.normal(size=(4, 3)))}, tf.constant(1e-3, tf.float64))
        soap.refresh(ALONE)
    (state,) = soap._states["w"]
    before = state.bases[0].numpy()
    state.factors[0].assign(np.full((4, 4), np.inf))
    for _ in range(2):
        soap.refresh(ALONE)
    np.testing.assert_array_equal(state.bases[0].numpy(), before)
    assert sum("could not be refreshed" in message for message in logged) == 1


@pytest.mark.parametrize("name", VARIANTS)
def test_blocks_of_every_model_cover_its_parameters(name):
    model, parameters = random_model(variant_config(name))
    variables = {name: v for name, v in parameters.by_name.items() if v.trainable}
    blocks = all_blocks(variables, model.parameter_blocks())
    for key, variable in variables.items():
        parts = blocks[key]
        assert [part.first for part in parts[1:]] == [part.last for part in parts[:-1]]
        assert (parts[0].first, parts[-1].last) == (0, variable.shape[0])


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("one_side", [(8, 3, 6), (2, 6)]),
        ("fparam_aparam", [(8, 3, 6), (2, 6), (6,), (2, 6)]),
        ("plain_one_side", [(8, 3, 6)]),
        ("pairs_typed", [(16, 6), (2, 6)]),
        ("radial_one_side", [(8, 6), (2, 6)]),
    ],
)
def test_rows_of_the_first_fitting_matrix_have_the_axes_of_the_descriptor(name, axes):
    blocks = random_model(variant_config(name))[0].parameter_blocks()
    first = [parts for key, parts in blocks.items() if key.startswith("layer_0")]
    assert all([part.axes for part in parts] == axes for parts in first) and first


def test_empty_parts_and_single_rows_have_no_axis_of_their_own():
    assert row_blocks([(2, 3), (0,), (1,)], 4) == (Block(0, 6, (2, 3, 4)), Block(6, 7, (4,)))
    with pytest.raises(ValueError, match="blocks of w: 6 elements, expected 8"):
        all_blocks({"w": tf.Variable(np.zeros((4, 2)))}, {"w": (Block(0, 3, (3, 2)),)})


SOAP = {"optimizer": {"type": "SOAP", "refresh_freq": 3}, "training.save_freq": 3}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


def with_soap(**keys):
    return changed(INPUT, SOAP | {key.replace("__", "."): value for key, value in keys.items()})


def test_a_restart_continues_bit_for_bit(place):
    table = with_soap(training__numb_steps=8)
    whole_run = stored_state(Run.prepare(table).train().checkpoint)
    Run.prepare(with_soap(training__numb_steps=8, training__save_ckpt="other")).train()
    result = Run.prepare(table, restart="model.ckpt-3").train()
    assert stored_state(result.checkpoint) == whole_run
    assert any("/blocks/" in name for name in whole_run)


@pytest.mark.parametrize(
    "keys",
    [
        {"model.type_embedding": ..., "model.descriptor.type_one_side": False},
        {f"model.{part}.precision": "float32" for part in ("type_embedding", "descriptor", "fitting_net")},
        pytest.param({"model.descriptor.trainable": False}, marks=pytest.mark.slow),
        {"model.fitting_net.numb_fparam": 0, "model.descriptor.type": "se_a_ebd_v2"},
        pytest.param({"optimizer": {"type": "AdamW", "weight_decay": 0.01}}, marks=pytest.mark.slow),
    ],
    ids=["nets by species", "float32", "descriptor not trainable", "strip mode", "AdamW"],
)
def test_it_trains_every_kind_of_model(place, keys):
    result = Run.prepare(changed(INPUT, SOAP | keys)).train()
    values = StoredCheckpoint(result.checkpoint).values()
    assert all(np.isfinite(value).all() for value in values.values())


def test_two_ranks_learn_the_same_and_what_one_learns(place):
    shared = with_soap(training__share_batch=True, training__training_data__batch_size=2)

    def learn(ranks):
        own = f"{ranks.size}-{ranks.rank}"  # ranks are threads here, and each stub of a rank leads
        table = changed(shared, {"training.save_ckpt": own, "training.disp_file": f"lcurve-{own}"})
        run = Run.prepare(table, ranks=ranks)
        run.train()
        return run.parameters()

    (alone,) = on_ranks(1, learn)
    both = on_ranks(2, learn)
    for name, value in alone.items():
        np.testing.assert_array_equal(both[0][name], both[1][name], err_msg=name)
        np.testing.assert_allclose(both[0][name], value, rtol=1e-3, atol=1e-5, err_msg=name)
