"""`dp train` with a hybrid descriptor: each member has its own slots, statistics and tables."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.infer import DeepPot

from ..runs import INPUT, dp, stored_state, write_data, write_input

MEMBER = {key: value for key, value in INPUT["model"]["descriptor"].items() if key != "type"}
FAR = {"type": "se_e2_r_tebd", "rcut": 4.5, "rcut_smth": 1.0, "sel": "auto", "neuron": [3, 6], "seed": 2}
CHANGES = {
    "model.descriptor": {"type": "hybrid", "list": [{**MEMBER, "type": "se_e2_a", "sel": "auto:2"}, FAR]},
    "training.numb_steps": 4,
    "training.save_freq": 2,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Directory with a finished run, its native graph and its portable graph."""
    place = tmp_path_factory.mktemp("hybrid")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        write_data(place)
        write_input(place, CHANGES)
        for command in (["train", "input.json"], ["freeze"], ["freeze", "--portable", "-o", "portable.pb"]):
            result = dp(*command)
            assert result.status == 0, result.err
    return place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """Current directory, a copy of `trained`."""
    shutil.copytree(trained, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


def members(place):
    return json.loads((place / "out.json").read_text())["model"]["descriptor"]["list"]


def test_members_have_slots_and_statistics_of_their_own(trained):
    stored = constants(read_graph_def(trained / "graph.pb"))
    for k, member in enumerate(members(trained)):
        np.testing.assert_array_equal(stored[f"descrpt_attr_{k}/sel"], member["sel"])
        columns = 1 if member["type"] == "se_e2_r_tebd" else 4
        assert stored[f"descrpt_attr_{k}/t_avg"].shape == (2, columns * sum(member["sel"]))
    assert stored["descrpt_attr_0/t_avg"][0, 0] != stored["descrpt_attr_1/t_avg"][0, 0]
    assert stored["descrpt_attr/rcut"] == 4.5 and "descrpt_attr/sel" not in stored


def test_both_graphs_agree(trained):
    rng = np.random.default_rng(1)
    coord, cell, types = rng.uniform(0, 6.0, (1, 18)), np.diag([6.0, 6.5, 7.0]), [0, 1, 1, 0, 1, 0]
    native, portable = (DeepPot(trained / name) for name in ("graph.pb", "portable.pb"))
    assert native.get_sel() == portable.get_sel() == np.max([m["sel"] for m in members(trained)], axis=0).tolist()
    for a, b in zip(native.eval(coord, cell, types), portable.eval(coord, cell, types), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * max(1, np.abs(b).max()))


def test_a_restart_is_bitwise_the_uninterrupted_run(trained, place):
    shutil.rmtree(place / "model.ckpt-4")
    assert dp("train", "input.json", "--restart", "model.ckpt-2").status == 0
    assert stored_state(place / "model.ckpt-4") == stored_state(trained / "model.ckpt-4")
    assert (place / "lcurve.out").read_bytes() == (trained / "lcurve.out").read_bytes()


def test_begins_from_its_graph(place):
    result = dp("train", "input.json", "--init-frz-model", "graph.pb")
    assert result.status == 0, result.err


def test_show_names_the_members(place):
    assert "hybrid of se_e2_a, se_e2_r_tebd" in dp("show", "graph.pb").out


@pytest.mark.parametrize(
    ("member", "key", "value", "words"),
    [
        (1, "sel", [1, 1], ["model.descriptor.list[1].sel: [1, 1]", "use the latter, or auto"]),
        (1, "rcut", 5.0, ["model.descriptor.list[1].rcut: 5.0", "4.5"]),
        (0, "rcut_smth", 0.75, ["model.descriptor.list[0].rcut_smth: 0.75"]),
    ],
)
def test_members_of_another_function_are_refused(place, member, key, value, words):
    table = json.loads((place / "input.json").read_text())
    table["model"]["descriptor"]["list"][member][key] = value
    (place / "input.json").write_text(json.dumps(table))
    result = dp("train", "input.json", "--init-frz-model", "graph.pb")
    assert result.status == 2 and all(word in result.message for word in words), result.err


def test_another_number_of_members_is_refused(place):
    table = json.loads((place / "input.json").read_text())
    del table["model"]["descriptor"]["list"][1]
    (place / "input.json").write_text(json.dumps(table))
    result = dp("train", "input.json", "--init-frz-model", "graph.pb")
    assert result.status == 2 and "1 descriptors" in result.message and "has 2" in result.message
