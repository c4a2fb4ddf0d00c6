"""Learning rates: values of the formula, and where the schedules end."""

from __future__ import annotations

import math

import pytest

from deepmd_tf.config.learning_rate import LearningRateConfig
from deepmd_tf.train.schedule import make_schedule, sensible_decay_steps


def exponential(numb_steps: int, **keys):
    return make_schedule(LearningRateConfig(type="exp", **keys), numb_steps)


def test_exponential_is_the_formula():
    rate = exponential(1_000_000, start_lr=1e-3, stop_lr=3.51e-8, decay_steps=5000)
    factor = (3.51e-8 / 1e-3) ** (1 / 200)
    for step, power in {0: 0, 4999: 0, 5000: 1, 9999: 1, 10_000: 2, 500_000: 100, 999_999: 199}.items():
        assert rate(step) == pytest.approx(1e-3 * factor**power, rel=1e-12)


def test_exponential_arrives_at_stop_lr():
    assert exponential(1000, start_lr=1e-3, stop_lr=1e-6, decay_steps=100)(1000) == pytest.approx(1e-6, rel=1e-12)


def test_exponential_falls_short_of_stop_lr_when_the_last_decay_is_not_whole():
    """The exponent counts whole decays, the rate all of them: 1000 steps hold three decays of 300 and a third."""
    rate = exponential(1000, start_lr=1.0, stop_lr=1e-3, decay_steps=300)
    assert rate(1000) == pytest.approx(1e-3 ** (3 * 300 / 1000), rel=1e-12)


def test_given_decay_rate_takes_the_place_of_stop_lr():
    rate = exponential(1000, start_lr=1e-2, stop_lr=1e-9, decay_steps=10, decay_rate=0.5)
    assert [rate(step) for step in (0, 9, 10, 35)] == pytest.approx([1e-2, 1e-2, 5e-3, 1e-2 / 8], rel=1e-12)


@pytest.mark.parametrize("numb_steps", [1, 2, 7, 99, 100, 999, 1000, 1001, 5000])
def test_decay_longer_than_the_run_is_shortened(numb_steps):
    """The rate still changes during the run and ends at stop_lr, whatever the length of the run."""
    steps = sensible_decay_steps(5000, numb_steps)
    assert 1 <= steps <= max(1, numb_steps // 10)
    rate = exponential(numb_steps, start_lr=1e-3, stop_lr=1e-5, decay_steps=5000)
    assert rate(0) == 1e-3
    assert 1e-5 <= rate(numb_steps) * (1 + 1e-12) <= 1e-5 * (1e-3 / 1e-5) ** (steps / numb_steps)


def test_decay_shorter_than_the_run_is_kept():
    assert sensible_decay_steps(4999, 5000) == 4999


def test_cosine_has_its_ends_and_middle():
    rate = make_schedule(LearningRateConfig(type="cosine", start_lr=1e-2, stop_lr=1e-4), 100)
    assert rate(0) == 1e-2
    assert rate(50) == pytest.approx((1e-2 + 1e-4) / 2, rel=1e-12)
    assert rate(100) == pytest.approx(1e-4, rel=1e-12)
    assert rate(25) == pytest.approx(1e-4 + 0.5 * (1e-2 - 1e-4) * (1 + math.sqrt(0.5)), rel=1e-12)


def test_cosine_stays_at_its_end():
    rate = make_schedule(LearningRateConfig(type="cosine", start_lr=1e-2, stop_lr=1e-4), 100)
    assert rate(250) == rate(100)


@pytest.mark.parametrize("kind", ["exp", "cosine"])
def test_rates_never_rise(kind):
    rate = make_schedule(LearningRateConfig(type=kind, start_lr=1e-2, stop_lr=1e-4), 137)
    rates = [rate(step) for step in range(138)]
    assert rates == sorted(rates, reverse=True)
