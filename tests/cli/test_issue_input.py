"""The input of DeePMD-kit's water example trains unchanged, except for the number of steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from deepmd_tf.export.graph_def import constants, read_graph_def

from ..runs import dp, write_system

INPUT = Path(__file__).parents[1] / "config" / "water.json"


def test_it_trains_freezes_and_predicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        write_system(tmp_path / f"data_{number}", types=(0, 1, 1, 0, 1, 1), seed=number)
    table = json.loads(INPUT.read_text())
    table["training"]["numb_steps"] = 2
    (tmp_path / "input.json").write_text(json.dumps(table))
    result = dp("train", "input.json")
    assert result.status == 0, result.err
    curve = np.genfromtxt("lcurve.out", names=True)
    assert curve["step"] == 2
    assert np.isfinite(curve["rmse_f_val"])
    assert dp("freeze", "-o", "graph.pb").status == 0
    values = constants(read_graph_def("graph.pb"))
    assert values["filter_type_all/matrix_1"].shape == (1 + 8, 25)
    assert values["layer_0/matrix"].shape == (100 * 16 + 8, 240)
    assert dp("test", "-m", "graph.pb", "-s", "data_3").status == 0
