"""DeePMD-kit reads our data, the inputs of our examples and the complete input that we write."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepmd_tf.train.lcurve import read_lcurve

from .comparison import assert_equal, evaluate
from .inputs import EXAMPLE, train_ours, water_frames, water_input


def example_input(name: str = "se_e2_a_tebd"):
    """Return the input of an example with two steps and absolute paths."""
    adam = EXAMPLE / name / "adam.json"  # the input for DeePMD-kit, where the example uses SOAP
    table = json.loads((adam if adam.exists() else EXAMPLE / name / "input.json").read_text())
    training = table["training"]
    for section in ("training_data", "validation_data"):
        systems = training[section]["systems"]
        training[section]["systems"] = [str((EXAMPLE / name / path).resolve()) for path in systems]
    training.update(numb_steps=2, disp_freq=1, save_freq=2)
    return table


TRAINABLE = sorted({path.parent.name for path in EXAMPLE.glob("*/input.json")} - {"se_e3_tebd"})
"""Examples with models that DeePMD-kit supports."""


@pytest.mark.parametrize("name", TRAINABLE)
def test_example_trains(peer, name, tmp_path):
    graph = peer.train(tmp_path, example_input(name))
    frames = water_frames(1, EXAMPLE / "data_3")
    assert_equal(evaluate(graph, **frames), peer.evaluate(graph, **frames), 1e-10)


def test_learning_curves_are_alike(peer, tmp_path, monkeypatch):
    peer.train(tmp_path / "theirs", example_input())
    train_ours(tmp_path / "ours", example_input(), monkeypatch)
    ours, theirs = (read_lcurve(tmp_path / name / "lcurve.out") for name in ("ours", "theirs"))
    assert list(ours) == list(theirs)
    rows = np.searchsorted(theirs["step"], ours["step"])
    np.testing.assert_array_equal(theirs["step"][rows], ours["step"])
    # DeePMD-kit writes two digits.
    np.testing.assert_allclose(ours["lr"], theirs["lr"][rows], rtol=0.06)


def test_complete_input_trains(peer, tmp_path, monkeypatch):
    train_ours(tmp_path / "ours", water_input({"training.numb_steps": 1}), monkeypatch)
    complete = json.loads((tmp_path / "ours" / "out.json").read_text())
    peer.train(tmp_path / "theirs", without_nulls(complete))


def without_nulls(table):
    """Return the input without keys that are null, because DeePMD-kit does not accept null for an absent key."""
    if not isinstance(table, dict):
        return table
    return {key: without_nulls(value) for key, value in table.items() if value is not None}


def test_our_graph_initializes(peer, tmp_path, monkeypatch):
    table = water_input({"training.numb_steps": 1, "learning_rate.start_lr": 1e-20, "learning_rate.stop_lr": 1e-21})
    ours = train_ours(tmp_path / "ours", table, monkeypatch)
    theirs = peer.train(tmp_path / "theirs", table, "--init-frz-model", str(ours))
    frames = water_frames()
    assert_equal(evaluate(theirs, **frames), peer.evaluate(ours, **frames), 1e-10)
