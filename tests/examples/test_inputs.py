"""The inputs of the examples train as they are, but for their length."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepmd_tf import load_config

from ..runs import dp
from ..tiers import slow_but

ROOT = Path(__file__).parents[2]
WATER = ROOT / "examples" / "water"
INPUTS = sorted(path for path in (ROOT / "examples").glob("*/*/*.json") if path.name != "out.json")
QUICK = ("hybrid/input.json",)
"""Others are slow; tests/train/test_run.py trains with se_e2_a_tebd/input.json."""


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_every_key_is_known(path):
    load_config(path)


@pytest.mark.parametrize(
    "name",
    # The data of water are here; those of other examples are generated.
    slow_but(QUICK, [f"{path.parent.name}/{path.name}" for path in INPUTS if path.is_relative_to(WATER)]),
)
def test_trains_and_freezes(name, tmp_path, monkeypatch):
    """Two steps on small batches, and both graphs."""
    path = WATER / name
    table = json.loads(path.read_text())
    training = table["training"]
    for section in ("training_data", "validation_data"):
        training[section]["systems"] = [str(path.parent / system) for system in training[section]["systems"]]
        training[section]["batch_size"] = 1
    training.update(numb_steps=2, disp_freq=1, save_freq=2)
    training["validation_data"]["numb_btch"] = 1
    if table["learning_rate"]["type"] == "exp":
        table["learning_rate"]["decay_steps"] = 1
    table["model"]["data_stat_nbatch"] = 1
    (tmp_path / "input.json").write_text(json.dumps(table))
    monkeypatch.chdir(tmp_path)
    for command in (
        ["train", "--skip-neighbor-stat", "input.json"],
        ["freeze"],
        ["freeze", "--portable", "-o", "p.pb"],
    ):
        result = dp(*command)
        assert result.status == 0, result.err
    curve = np.loadtxt("lcurve.out")
    assert curve.shape[0] == 2 and np.isfinite(curve).all()
