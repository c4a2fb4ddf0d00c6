"""Ratios, tables, figures, turns, and the command line."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import inference, report, turns
from benchmarks.evaluator import EvaluationEnded
from benchmarks.figure import draw
from benchmarks.findings import Panel, Series
from benchmarks.flops import one_of_each_precision
from benchmarks.graphs import one_step
from benchmarks.inputs import CASES, EXAMPLE_DATA, Data, water_input
from benchmarks.training import timed_input


def test_ratio_is_of_medians_and_spread_of_neighboring_turns():
    """A machine that slows down halfway changes no ratio of neighboring turns."""
    ours = np.array([1.0, 1.0, 5.0, 5.0, 5.0])
    assert report.spread_of_ratio(2 * ours, ours) == (2.0, 2.0, 2.0)
    assert report.ratio([2, 4, 6], [2, 2, 2]) == "2.00 (1.50 - 2.50)"
    assert report.milliseconds([0.001, 0.002, 0.003]) == "2.0 (1.5 - 2.5)"


def test_table_is_aligned():
    lines = report.table(["a", "long name"], [["12", "3"], ["4", "5"]]).splitlines()
    assert lines[0] == "| a  | long name |"
    assert lines[1] == "| -- | --------- |"
    assert len({len(line) for line in lines}) == 1


def test_report_hides_directories(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "--data", "/home/someone/data", "--label", "two words"])
    report.publish(tmp_path / "new" / "kind.md", "Title", ["fact"], ["note", "table"])
    text = (tmp_path / "new" / "kind.md").read_text()
    assert "# Title" in text and "--data DIR --label 'two words'" in text
    assert "someone" not in text + capsys.readouterr().out


@pytest.mark.parametrize("x", [[192, 1536], ["one side", "two sides"]])
def test_figure_of_numbers_and_names(tmp_path, x):
    line = Series("line")
    for place in x:
        line.add(place, report.Spread(2.0, 1.5, 2.1))
    panel = Panel("x", "y", [line, line], "xy" if x[0] == 192 else "")
    for name in ("one.svg", "two.svg"):
        draw([panel, panel], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.svg").stat().st_size < 100_000


def test_turns_alternate_and_stop_at_the_budget():
    order = []

    def measurement(name, value):
        return lambda: order.append(name) or value

    times = turns.take_turns([measurement("a", 1.0), measurement("b", 2.0)], 4)
    assert order == ["a", "b"] * 4
    np.testing.assert_array_equal(times, [[1.0] * 4, [2.0] * 4])
    assert turns.take_turns([measurement("a", 1.0)], 50, budget=0.0).shape == (1, turns.FEWEST)


def test_inputs_of_the_measurements():
    data = Data.find(EXAMPLE_DATA)
    table = timed_input(data, {"model.descriptor.sel": [1, 2]}, rounds=3, steps=7)
    assert table["training"]["disp_freq"] == 7 and table["training"]["numb_steps"] == 35
    assert table["model"]["descriptor"]["sel"] == [1, 2]
    single = one_step(table)
    assert single["training"]["numb_steps"] == 1 and table["training"]["numb_steps"] == 35
    assert water_input(data, {})["model"]["descriptor"]["sel"] == [46, 92]


def test_difference_is_relative_to_the_largest():
    first = {"energy": np.array([[-10.0]]), "force": np.array([1.0, -4.0]), "virial": np.array([2.0])}
    second = {**first, "force": np.array([1.0, -4.4])}
    assert inference.difference(second, first) == pytest.approx(0.1)


def test_programs_that_disagree_are_not_published(tmp_path):
    class Fixed:
        def __init__(self, energy):
            self.energy = energy

        def results(self, frames):
            return {"energy": np.array([self.energy])}

    assert inference.checked([Fixed(1.0), Fixed(1.0)], tmp_path, "float64") == 0.0
    for energy, precision in ((1.0 + 1e-8, "float64"), (np.nan, "float32")):
        with pytest.raises(SystemExit, match="disagree"):
            inference.checked([Fixed(energy), Fixed(1.0)], tmp_path, precision)


def test_arithmetic_is_measured_once_in_each_precision():
    assert one_of_each_precision(list(CASES)) == ["one side", "one side, float32"]
    assert one_of_each_precision(["two sides"]) == ["two sides"]


def test_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x"])
    assert set(command.parse().kind) == set(command.KINDS) - {"collection", "learning"}
    monkeypatch.setattr(sys, "argv", ["x", "scaling", "--largest", "1000000"])
    assert command.parse().largest == 10**6
    for wrong in (["speed"], ["--rounds", "0"], ["--systems", "0"], ["--threads", "100000"]):
        monkeypatch.setattr(sys, "argv", ["x", *wrong])
        with pytest.raises(SystemExit):
            command.parse()
    assert "unknown kind speed" in capsys.readouterr().err


def test_only_refused_memory_counts_as_a_limit():
    assert EvaluationEnded("x: evaluation ended:\nOOM when allocating tensor with shape[1]").out_of_memory
    assert not EvaluationEnded("x: evaluation ended:\nImportError: no module 'room'").out_of_memory
