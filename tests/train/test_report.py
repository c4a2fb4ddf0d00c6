"""What the person who watches a run sees."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deepmd_tf.train import report

TRAINING = {"rmse": 1.0, "rmse_e": 1e-3, "rmse_f": 2e-2}


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
    reporter = report.Reporter(0, 1000, Console(file=io.StringIO()))
    clock[0] += 10
    reporter.display(100, TRAINING, validation, 1e-3)
    (line,) = logged
    words = ["step  100", "E 1.000e-03", "eV/atom", "F 2.000e-02", "eV/Å", "lr 1.00e-03", "10.00 steps/s"]
    words += ["elapsed 0:00:10", "left 0:01:30"]
    assert all(word in line for word in words)
    assert ("(val 5.000e-02)" in line) == (validation is not None)


def test_time_can_be_left_out(logged):
    report.Reporter(0, 10, Console(file=io.StringIO()), show_time=False).display(1, TRAINING, None, 1e-3)
    assert "steps/s" not in logged[0]
    assert "elapsed" not in logged[0]


def test_a_terminal_shows_a_bar_and_anything_else_does_not():
    for terminal in (True, False):
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
        with report.Reporter(0, 10, console) as reporter:
            reporter.advance(5)
        assert ("training" in text.getvalue()) == terminal


def test_the_summary_is_a_table_of_its_rows():
    text = io.StringIO()
    report.Reporter(0, 10, Console(file=text, width=100)).summary([("checkpoint", "model.ckpt-10"), ("next", "freeze")])
    assert all(word in text.getvalue() for word in ("Summary", "checkpoint", "model.ckpt-10", "next", "freeze"))
