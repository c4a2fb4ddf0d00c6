"""Which frames a step sees: a function of seed and step, fair to frames and systems."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmd_tf.config import DataConfig
from deepmd_tf.data import Sampler
from deepmd_tf.data.sampler import CHUNK
from deepmd_tf.errors import InputError


@dataclasses.dataclass
class Frames:
    """As much of a system as a sampler looks at."""

    nframes: int
    natoms: int = 10
    path: str = "system"


def make(nframes, batch_size=1, seed=3, **kwargs):
    return Sampler([Frames(n) for n in nframes], batch_size, seed=seed, **kwargs)


def one_of(sampler, step):
    """System and frames of a batch that has frames of one system."""
    (part,) = sampler.batch_at(step)
    return part


def draws(sampler, steps):
    return [[(isystem, frames.tolist()) for isystem, frames in sampler.batch_at(step)] for step in steps]


def test_the_step_is_enough():
    steps = range(3 * CHUNK // 2, 3 * CHUNK // 2 + 50)
    walked = make([7, 11, 5], 2)
    expected = draws(walked, range(steps.stop))[steps.start :]
    assert draws(make([7, 11, 5], 2), steps) == expected
    assert draws(walked, reversed(steps)) == expected[::-1]


@given(st.integers(0, 2**40), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 4), st.data())
@settings(max_examples=30, deadline=None)
def test_steps_in_any_order(seed, nframes, batch_size, data):
    sizes = [min(batch_size, n) for n in nframes]
    steps = data.draw(st.lists(st.integers(0, 2 * CHUNK + 5), max_size=8))
    one, other = make(nframes, sizes, seed), make(nframes, sizes, seed)
    found = dict(zip(steps, draws(one, steps), strict=True))
    assert found == dict(zip(sorted(steps), draws(other, sorted(steps)), strict=True))


@pytest.mark.parametrize(("nframes", "batch_size"), [(7, 1), (7, 2), (7, 7), (8, 2), (1, 1), (13, 5)])
def test_every_frame_once_per_epoch(nframes, batch_size):
    sampler = make([nframes], batch_size)
    epochs = 6 * batch_size
    stream = np.concatenate([one_of(sampler, step)[1] for step in range(epochs * nframes // batch_size)])
    assert len(stream) == epochs * nframes
    for epoch in stream.reshape(-1, nframes):
        assert sorted(epoch) == list(range(nframes))


def test_every_frame_once_per_epoch_of_each_of_several_systems():
    sampler = make([5, 9, 2], [2, 4, 1])
    streams = [[], [], []]
    for step in range(3000):
        isystem, frames = one_of(sampler, step)
        assert len(frames) == sampler.batch_sizes[isystem]
        streams[isystem].extend(frames)
    for nframes, stream in zip([5, 9, 2], streams, strict=True):
        whole = np.array(stream[: len(stream) // nframes * nframes]).reshape(-1, nframes)
        assert (np.sort(whole, axis=1) == np.arange(nframes)).all()


def test_epochs_differ_and_orders_are_uniform():
    sampler = make([4])
    orders = np.array([one_of(sampler, step)[1][0] for step in range(4 * 24 * 200)]).reshape(-1, 4)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    chi_squared = ((counts - 200) ** 2 / 200).sum()
    assert chi_squared < 50  # 23 degrees of freedom: exceeded once in a thousand


def test_systems_are_drawn_with_their_probabilities():
    sampler = make([10, 30, 60], auto_prob="prob_sys_size")
    np.testing.assert_allclose(sampler.probabilities, [0.1, 0.3, 0.6])
    counts = np.bincount([one_of(sampler, step)[0] for step in range(40_000)], minlength=3)
    expected = 40_000 * sampler.probabilities
    assert ((counts - expected) ** 2 / expected).sum() < 14  # 2 degrees of freedom: exceeded once in a thousand


def test_choices_of_neighboring_steps_are_independent():
    sampler = make([5, 5])
    choices = np.array([one_of(sampler, step)[0] for step in range(40_000)])
    assert abs(np.corrcoef(choices[:-1], choices[1:])[0, 1]) < 0.02


def test_systems_of_no_weight_are_never_drawn():
    sampler = make([5, 5, 5, 5], sys_probs=[0, 1, 1, 0])
    assert {one_of(sampler, step)[0] for step in range(2000)} == {1, 2}


def test_seeds_and_streams_are_different_sequences():
    steps = range(40)
    sequences = [
        draws(make([50, 50], seed=seed, stream=stream), steps)
        for seed in (1, 2)
        for stream in ("training", "validation")
    ]
    for index, sequence in enumerate(sequences):
        for other in sequences[index + 1 :]:
            assert sequence != other


def test_numbers_never_change():
    """A run restarted with a later version draws the same frames."""
    sampler = make([20, 10], 2, seed=10)
    assert draws(sampler, [0, 1, 2, 100_000]) == [[(0, [5, 18])], [(1, [5, 1])], [(1, [9, 7])], [(0, [6, 10])]]


def test_numbers_of_mixed_batches_never_change():
    sampler = make([20, 10], "mixed:3", seed=10)
    assert draws(sampler, [0, 1, 100_000]) == [
        [(0, [5]), (1, [5, 1])],
        [(0, [18, 2, 13])],
        [(0, [7, 9]), (1, [9])],
    ]


@pytest.mark.parametrize("size", [1, 3, 16])
def test_mixed_batches_are_single_draws_put_together(size):
    """Batch k has the frames of draws k size to (k + 1) size - 1, also across two chunks of draws."""
    single, mixed = make([7, 11, 5]), make([7, 11, 5], f"mixed:{size}")
    np.testing.assert_array_equal(single.probabilities, mixed.probabilities)
    around = CHUNK // size
    for step in (0, 1, 2, around - 1, around, around + 1):
        expected = {}
        for number in range(step * size, (step + 1) * size):
            isystem, frames = one_of(single, number)
            expected.setdefault(isystem, []).extend(frames.tolist())
        assert draws(mixed, [step]) == [list(expected.items())]
    assert draws(make([7, 11, 5], f"mixed:{size}"), [around]) == draws(mixed, [around])


def test_every_frame_once_per_epoch_of_mixed_batches():
    sampler = make([5, 2, 1], "mixed:24", sys_probs=[0.2, 0.6, 0.2])
    streams = [[], [], []]
    for step in range(200):
        parts = sampler.batch_at(step)
        assert sum(len(frames) for _, frames in parts) == 24
        assert len({isystem for isystem, _ in parts}) == len(parts)
        for isystem, frames in parts:
            streams[isystem].extend(frames)
    for nframes, stream in zip([5, 2, 1], streams, strict=True):
        whole = np.array(stream[: len(stream) // nframes * nframes]).reshape(-1, nframes)
        assert (np.sort(whole, axis=1) == np.arange(nframes)).all()


def test_from_config():
    systems = [Frames(10), Frames(20)]
    config = DataConfig(systems=("a", "b"), batch_size=(2, 3), sys_probs=(1.0, 1.0))
    sampler = Sampler.from_config(systems, config, seed=5, stream="validation")
    assert sampler.batch_sizes == (2, 3)
    assert sampler.probabilities.tolist() == [0.5, 0.5]
    assert draws(sampler, range(5)) == draws(
        Sampler(systems, (2, 3), sys_probs=(1, 1), seed=5, stream="validation"), range(5)
    )


def test_no_systems():
    with pytest.raises(InputError, match="at least one system"):
        Sampler([], seed=1)


def test_a_late_restart_starts_at_once():
    sampler = make([80, 160, 80])
    start = time.process_time()
    sampler.batch_at(10_000_000)
    assert time.process_time() - start < 5
