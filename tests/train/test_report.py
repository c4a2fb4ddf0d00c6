"""What the person who watches a run sees."""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from deepmd_tf.train import report
from deepmd_tf.train.callbacks import Beginning, Display, TrainingResult

TRAINING = {"rmse": 1.0, "rmse_e": 1e-3, "rmse_f": 2e-2}


def begun(last_step, console, time_training=True):
    """A reporter of a run before its first step."""
    training = SimpleNamespace(disp_file="curve.out", numb_steps=last_step, time_training=time_training)
    reporter = report.Reporter(console)
    reporter.on_begin(Beginning(SimpleNamespace(training=training), 0))
    return reporter


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until its only entry is changed."""
    now = [100.0]
    monkeypatch.setattr(report.time, "monotonic", lambda: now[0])
    return now


def test_speed_is_that_of_the_last_lap(clock):
    watch = report.Stopwatch(0, 1000)
    clock[0] += 10
    assert watch.lap(100) == pytest.approx(10)
    clock[0] += 50
    assert watch.lap(200) == pytest.approx(2)
    assert watch.elapsed.total_seconds() == 60


def test_remaining_time_counts_from_where_the_run_began(clock):
    watch = report.Stopwatch(500, 1000)
    clock[0] += 10
    assert watch.remaining(600).total_seconds() == pytest.approx(40)


def test_a_clock_that_does_not_advance_does_no_harm(clock):
    watch = report.Stopwatch(0, 10)
    assert watch.lap(0) == 0
    assert watch.remaining(0).total_seconds() == 0


@pytest.mark.parametrize("validation", [None, {"rmse": 2.0, "rmse_e": 4e-3, "rmse_f": 5e-2}])
def test_a_line_has_errors_rate_and_time(clock, logged, validation):
    reporter = begun(1000, Console(file=io.StringIO()))
    clock[0] += 10
    reporter.on_display(Display(100, TRAINING, validation, 1e-3))
    (line,) = logged
    words = ["step  100", "E 1.000e-03", "eV/atom", "F 2.000e-02", "eV/Å", "lr 1.00e-03", "10.00 steps/s"]
    words += ["elapsed 0:00:10", "left 0:01:30"]
    assert all(word in line for word in words)
    assert ("(val 5.000e-02)" in line) == (validation is not None)


def test_time_can_be_left_out(logged):
    begun(10, Console(file=io.StringIO()), time_training=False).on_display(Display(1, TRAINING, None, 1e-3))
    assert "steps/s" not in logged[0]
    assert "elapsed" not in logged[0]


def test_a_terminal_shows_a_bar_and_anything_else_does_not():
    for terminal in (True, False):
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
        reporter = begun(10, console)
        reporter.on_step(5)
        reporter.close()
        assert ("training" in text.getvalue()) == terminal


def test_the_summary_is_a_table_of_its_rows():
    text = io.StringIO()
    result = TrainingResult(
        checkpoint=Path("model.ckpt-10"),
        step=10,
        last_step=10,
        elapsed=timedelta(seconds=61),
        interrupted=False,
        best=Path("model.ckpt-best"),
        best_score=0.125,
        parallel=(("ranks", "2 on 1 node"),),
    )
    begun(10, Console(file=text, width=100)).on_end(result)
    words = ("Summary", "step 10 of 10", "0:01:01", "curve.out", "model.ckpt-10", "best (validation 1.2500e-01)")
    assert all(word in text.getvalue() for word in (*words, "2 on 1 node", "dp freeze -c model.ckpt-10 -o graph.pb"))
    begun(10, Console(file=text, width=100)).on_end(dataclasses.replace(result, interrupted=True))
    assert "dp train INPUT --restart model.ckpt-10" in text.getvalue()
