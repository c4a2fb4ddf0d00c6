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


def test_exponential_jumps_to_stop_lr_when_the_last_decay_is_not_whole():
    """The exponent counts whole decays, the rate all of them: 1000 steps have three decays of 300 and a third."""
    rate = exponential(1000, start_lr=1.0, stop_lr=1e-3, decay_steps=300)
    assert rate(999) == pytest.approx(1e-3 ** (3 * 300 / 1000), rel=1e-12)
    assert rate(1000) == 1e-3


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


DEEPMD_KIT = {
    "exp": (
        {"type": "exp", "decay_steps": 30},
        [1e-3, 1e-3, 1e-3, 1e-3, 0.0002511886432, 6.309573445e-05, 1.584893192e-05, 1e-05],
    ),
    "smooth exp": (
        {"type": "exp", "decay_steps": 30, "smooth": True},
        [1e-3, 0.000954992586, 0.0006309573445, 0.0006025595861, 0.0001, 1.659586907e-05, 1.258925412e-05, 1e-05],
    ),
    "exp after warm-up": (
        {"type": "exp", "decay_steps": 30, "warmup_steps": 10},
        [0, 0.0001, 0.001, 0.001, 0.000215443469, 4.641588834e-05, 4.641588834e-05, 1e-05],
    ),
    "short exp after warm-up": (
        {"type": "exp", "decay_steps": 95, "warmup_ratio": 0.1, "warmup_start_factor": 0.2},
        [0.0002, 0.00028, 0.001, 0.0009501185073, 0.0001291549665, 1.755676291e-05, 1.291549665e-05, 1e-05],
    ),
    "exp of given rate": (
        {"type": "exp", "decay_steps": 10, "decay_rate": 0.5},
        [1e-3, 1e-3, 0.0005, 0.0005, 3.125e-05, 1e-05, 1e-05, 1e-05],
    ),
    "long exp of given rate": ({"type": "exp", "decay_steps": 500, "decay_rate": 0.5}, [1e-3] * 8),
    "cosine": (
        {"type": "cosine"},
        [1e-3, 0.0009997557474, 0.0009757729756, 0.0009707359806, 0.000505, 3.926401937e-05, 1.609427141e-05, 1e-05],
    ),
    "cosine after warm-up": (
        {"type": "cosine", "warmup_steps": 5, "warmup_start_factor": 2.0},
        [0.002, 0.0018, 0.0009932488452, 0.0009902880831, 0.000545876776, 4.239059002e-05, 1.675115482e-05, 1e-05],
    ),
    "wsd": ({"type": "wsd"}, [1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1.98019802e-05, 1e-05]),
    "cosine wsd": (
        {"type": "wsd", "decay_type": "cosine", "decay_phase_ratio": 0.5},
        [1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 0.0001235959448, 3.422702443e-05, 1e-05],
    ),
    "linear wsd": (
        {"type": "wsd", "decay_type": "linear", "decay_phase_ratio": 1.0},
        [1e-3, 0.0009901, 0.000901, 0.0008911, 0.000505, 0.0001189, 5.95e-05, 1e-05],
    ),
    "wsd without a stable phase": (
        {"type": "wsd", "decay_phase_ratio": 0.95, "warmup_steps": 10},
        [0, 0.0001, 0.001, 0.0004761904762, 2.222222222e-05, 1.137656428e-05, 1.058201058e-05, 1e-05],
    ),
}
"""Learning rates of DeePMD-kit 3.2.0 at the steps 0, 1, 10, 11, 50, 89, 95 and 100 of 100, from 1e-3 to 1e-5."""


@pytest.mark.parametrize("name", DEEPMD_KIT)
def test_the_same_as_deepmd_kit(name):
    keys, expected = DEEPMD_KIT[name]
    rate = make_schedule(LearningRateConfig(start_lr=1e-3, stop_lr=1e-5, **keys), 100)
    assert [rate(step) for step in (0, 1, 10, 11, 50, 89, 95, 100)] == pytest.approx(expected, rel=1e-9)


def test_a_decay_phase_is_whole_steps_and_at_least_one():
    for ratio, first in ((0.3, 12), (0.01, 15)):  # the decay begins after step 11 and 14
        keys = {"type": "wsd", "decay_type": "linear", "decay_phase_ratio": ratio}
        rate = make_schedule(LearningRateConfig(start_lr=1e-3, stop_lr=1e-5, **keys), 15)
        assert [rate(step) == 1e-3 for step in range(16)] == [step < first for step in range(16)]


def test_stop_lr():
    assert LearningRateConfig().final_lr == 5e-8
    assert LearningRateConfig(start_lr=2e-3, stop_lr_ratio=0.1).final_lr == pytest.approx(2e-4)
    assert LearningRateConfig(stop_lr=1e-4).final_lr == 1e-4


@pytest.mark.parametrize("kind", ["exp", "cosine", "wsd"])
def test_rates_never_rise(kind):
    rate = make_schedule(LearningRateConfig(type=kind, start_lr=1e-2, stop_lr=1e-4), 137)
    rates = [rate(step) for step in range(138)]
    assert rates == sorted(rates, reverse=True)
