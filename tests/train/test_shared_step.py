"""Ranks that share batches learn what one process learns from whole batches, to rounding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from deepmd_tf.config import parse_config
from deepmd_tf.data.pipeline import batch_at, signature
from deepmd_tf.data.share import SharedBatches
from deepmd_tf.descriptor.tabulation import Resolution
from deepmd_tf.errors import InputError
from deepmd_tf.loss import EnergyLoss
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.optimizer.adam import Adam
from deepmd_tf.train.data import load_data
from deepmd_tf.train.measure import measure
from deepmd_tf.train.ranks import ALONE, Ranks
from deepmd_tf.train.resolving import ResolvingStep
from deepmd_tf.train.shared_step import SharedStep
from deepmd_tf.train.step import Learning, TrainingStep

from ..runs import INPUT, changed, write_data, write_system
from ..threaded import on_ranks
from ..tiers import slow_but

STEPS = 4


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Systems of different sizes, of which some lack labels."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_system(tmp_path / "bare", types=(1, 0, 1, 1, 0), nframes=3, labels=("energy",), seed=7)
    return tmp_path


def config_of(precision="float64", **keys):
    changes = {key.replace("__", "."): value for key, value in keys.items()}
    changes |= {f"model.{part}.precision": precision for part in ("type_embedding", "descriptor", "fitting_net")}
    changes |= {"loss.start_pref_v": 1.0, "training.training_data.systems": ["data_0", "data_1", "bare"]}
    return parse_config(changed(INPUT, changes))


class OfSize(Ranks):
    """A number of ranks of which nobody asks more."""

    def __init__(self, size):
        self.size = size


class Learner:
    """A model in training on one rank."""

    def __init__(self, config, ranks=ALONE):
        self.source = load_data(config, ranks).training
        self.parameters = TrainableParameters()
        statistics = measure(config, self.source, skip_neighbor_stat=True).statistics
        model = EnergyModel(config.model, statistics=statistics, parameters=self.parameters)
        trainable = {name: v for name, v in self.parameters.by_name.items() if v.trainable}
        learning = Learning(model, EnergyLoss(config.loss), Adam(trainable))
        every_edge = Resolution((None,) * len(model.descriptor.members))
        self.step = ResolvingStep(ranks, learning, signature(), every_edge)
        self.batches = SharedBatches(self.source.sampler, ranks.rank, ranks.size)

    def learn(self):
        """Train; return parameters, and the metrics of every step."""
        metrics = []
        for number in range(STEPS):
            outcome = self.step.train(batch_at(self.source.systems, self.batches, number), 1e-2, 0.9)
            assert outcome.finite
            metrics.append(np.append(outcome.metrics.numpy(), outcome.max_neighbors.numpy()))
        return self.parameters.values(), np.array(metrics)


CASES = list(itertools.product(["mixed", "same size"], ["one batch", "half a batch each"], ["float64", "float32"]))
QUICK = [("mixed", "one batch", "float64")]


@pytest.mark.parametrize("case", slow_but(QUICK, CASES), ids=", ".join)
def test_two_ranks_are_one_with_the_whole_batch(place, case):
    kind, sharing, precision = case
    rule, half = ("mixed:4", "mixed:2") if kind == "mixed" else (2, 1)
    shared, tolerance = sharing == "one batch", 1e-11 if precision == "float64" else 2e-4
    whole = config_of(precision, training__training_data__batch_size=rule)
    keys = {"training__share_batch": True} if shared else {"training__training_data__batch_size": half}
    parts = config_of(precision, **{"training__training_data__batch_size": rule, **keys})
    alone, metrics = Learner(whole).learn()
    (first, of_first), (second, of_second) = on_ranks(2, lambda ranks: Learner(parts, ranks).learn())
    np.testing.assert_allclose(of_first, metrics, rtol=100 * tolerance)
    np.testing.assert_array_equal(of_first, of_second)
    start = Learner(whole).parameters.values()
    moved = [name for name in alone if (alone[name] != start[name]).any()]
    assert len(moved) > 8
    for name, value in alone.items():
        np.testing.assert_allclose(first[name], value, atol=tolerance * np.abs(value).max())
        np.testing.assert_array_equal(first[name], second[name])


def test_a_gradient_that_is_not_finite_on_one_rank_stops_all_before_they_learn(place):
    config = config_of(training__share_batch=True, training__training_data__batch_size="mixed:4")

    def spoilt(ranks):
        learner = Learner(config, ranks)
        batch = dict(batch_at(learner.source.systems, learner.batches, 0))
        if ranks.rank == 1:
            batch["energy"] += np.nan
        before = learner.parameters.values()
        outcome = learner.step.train(batch, 1e-2, 1.0)
        same = all((before[name] == value).all() for name, value in learner.parameters.values().items())
        return bool(outcome.finite), same

    assert on_ranks(2, spoilt) == [(False, True)] * 2


def test_validation_on_ranks_without_a_batch(place):
    config = config_of()

    def evaluate(ranks):
        learner = Learner(config, ranks)
        numbers = range(3)
        found = []
        for first in range(0, 3, ranks.size):
            number = first + ranks.rank
            batch = batch_at(learner.source.systems, learner.source.sampler, number) if number in numbers else None
            found.append(learner.step.evaluate(batch, 1.0).metrics.numpy())
        return np.sum(found, axis=0)

    (alone,) = on_ranks(1, evaluate)
    config = config_of(training__share_batch=True)
    for found in on_ranks(2, evaluate):
        np.testing.assert_allclose(found, alone, rtol=1e-12)


def test_one_rank_takes_the_step_that_is_one_function(place):
    learner = Learner(config_of())
    assert type(learner.step._functions) is TrainingStep
    kinds = on_ranks(2, lambda ranks: type(Learner(config_of(), ranks).step._functions))
    assert kinds == [SharedStep] * 2


def test_a_batch_of_fewer_frames_than_ranks_is_refused(place):
    config = config_of(training__share_batch=True)
    with pytest.raises(InputError, match=r"training\.share_batch: 3 ranks cannot share a batch of 2 frames \(data_0\)"):
        load_data(config, OfSize(3))


def test_statistics_of_ranks_are_those_of_one(place):
    config = config_of(model__data_stat_nbatch=3)

    def measured(ranks: Ranks):
        return measure(config, load_data(config).training, ranks=ranks)

    (alone,) = on_ranks(1, measured)
    for size in (2, 5):
        found = on_ranks(size, measured)
        for each in found:
            statistics = each.statistics
            assert each.facts == alone.facts
            np.testing.assert_array_equal(statistics.fitting.energy_bias, alone.statistics.fitting.energy_bias)
            for name in ("avg", "std_radial", "std_angular"):
                value = getattr(statistics.environment[0], name)
                np.testing.assert_allclose(value, getattr(alone.statistics.environment[0], name), rtol=1e-13)
                np.testing.assert_array_equal(value, getattr(found[0].statistics.environment[0], name))
