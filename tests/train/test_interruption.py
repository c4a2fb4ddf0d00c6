"""Signals raise before the first step, are a request afterwards, and reach ranks that wait for others."""

from __future__ import annotations

import os
import signal
import time

import pytest

from deepmd_tf.train import interruption
from deepmd_tf.train.interruption import Interruption, Stopped
from deepmd_tf.train.ranks import Ranks

TAKEN = (signal.SIGTERM, signal.SIGUSR1)


class TwoRanks(Ranks):
    """Rank 0 of two; the other has had no signal, or this one."""

    size = 2

    def __init__(self, other: int = 0):
        self.stopped: list[str] = []
        self._other = other

    def gather(self, value):
        return [value, self._other]

    def stop(self, message):
        self.stopped.append(message)


@pytest.fixture(autouse=True)
def handlers():
    """All handlers are put back."""
    before = {number: signal.getsignal(number) for number in (*TAKEN, signal.SIGINT)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("number", TAKEN)
def test_before_the_first_step_once(number):
    with Interruption() as taken:
        with pytest.raises(Stopped, match=f"{number.name} before the first step: there is nothing to save"):
            signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)  # what ends is not disturbed again
        assert taken.requested == number


def test_steps_turn_a_signal_into_a_request(logged):
    with Interruption() as taken:
        taken.begin(Ranks())
        assert taken.requested == 0
        signal.raise_signal(signal.SIGUSR1)
        assert taken.requested == signal.SIGUSR1
        assert logged == ["SIGUSR1: saving a checkpoint after this step"]


def test_an_exception_that_was_lost_is_raised_where_steps_would_begin():
    with Interruption() as taken:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Stopped:
            pass
        with pytest.raises(Stopped, match="SIGTERM"):
            taken.begin(Ranks())


def test_a_signal_of_any_rank_stops_all_where_steps_would_begin():
    with Interruption() as taken, pytest.raises(Stopped, match="SIGUSR1"):
        taken.begin(TwoRanks(signal.SIGUSR1))


@pytest.mark.parametrize("begun", [False, True])
def test_a_rank_that_waits_for_others_ends_them(monkeypatch, begun):
    """Its handlers run only when it comes back, so a thread sees to it; not once there is something to save."""
    monkeypatch.setattr(interruption, "_PATIENCE", 0.1)
    ranks = TwoRanks()
    with Interruption() as taken:
        taken.watch(ranks)
        if begun:
            taken.begin(ranks)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
        except Stopped:
            pass
        deadline = time.monotonic() + (0.5 if begun else 30)
        while not ranks.stopped and time.monotonic() < deadline:
            time.sleep(0.02)
    assert len(ranks.stopped) == (not begun)
    assert signal.set_wakeup_fd(-1) == -1


def test_one_rank_needs_no_thread():
    with Interruption() as taken:
        taken.watch(Ranks())
        assert signal.set_wakeup_fd(-1) == -1
