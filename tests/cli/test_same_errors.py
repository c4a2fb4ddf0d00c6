"""Validation during training and `dp test` report the same errors for the same frames."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepmd_tf.train.lcurve import read_lcurve

from ..runs import dp, write_data, write_input
from ..tiers import slow_but

ALL = {"training.validation_data.batch_size": 5, "training.validation_data.numb_btch": 1, "loss.start_pref_v": 1.0}


@pytest.mark.parametrize("options", slow_but([()], [(), ("--portable",)]), ids=["native", "portable"])
def test_validation_and_dp_test(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_input(tmp_path, ALL | {"loss.limit_pref_v": 1.0})
    assert dp("train", "input.json").status == 0
    assert dp("freeze", "-c", "model.ckpt", "-o", "graph.pb", *options).status == 0
    result = dp("test", "-m", "graph.pb", "-s", "data_2", "--json")
    assert result.status == 0, result.err
    found = json.loads(result.out)["total"]
    curve = read_lcurve("lcurve.out")
    for key, name in (("rmse_e_val", "energy_per_atom"), ("rmse_f_val", "force"), ("rmse_v_val", "virial_per_atom")):
        np.testing.assert_allclose(curve[key][-1], found[name]["rmse"], rtol=1e-4)  # the digits of lcurve.out
