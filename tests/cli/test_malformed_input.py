"""Malformed input files through `dp train`; every kind of wrong key is tried in tests/config."""

from __future__ import annotations

import json

import pytest

from ..runs import INPUT, changed, write_input
from .refusals import refused

TEXTS = {
    "empty": ("input.json", b"", ["input.json", "not valid JSON"]),
    "cut off": ("input.json", json.dumps(INPUT).encode()[:-20], ["input.json:1:", "not valid JSON"]),
    "trailing comma": ("input.json", b'{"model": {},\n}', ["input.json:", "not valid JSON"]),
    "comment": ("input.json", b'{\n  // model\n  "model": {}\n}', ["input.json:2:3", "not valid JSON"]),
    "list": ("input.json", b"[1, 2]", ["input.json", "expected a table of keys", "got list"]),
    "not a number": ("input.json", b'{"model": NaN}', ["input.json", "expected a finite number", "NaN"]),
    "key twice": ("input.json", b'{"model": {}, "model": {}}', ["input.json", "'model' is given twice"]),
    "latin-1": ("input.json", b'{"_comment": "\xe5"}', ["input.json", "expected UTF-8"]),
    "nested deeply": ("input.json", b"[" * 100_000, ["input.json", "nested too deeply"]),
    "yaml": ("input.yaml", b"model:\n  type_map: [O, H\ntraining: 1\n", ["input.yaml:", "not valid YAML"]),
    "yaml object": ("input.yaml", b"model: !!python/object:os.system {}\n", ["input.yaml:", "not valid YAML"]),
    "yaml key twice": ("input.yaml", b"model: 1\nmodel: 2\n", ["input.yaml:2", "'model' is given twice"]),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text(finished, kind):
    name, text, words = TEXTS[kind]
    (finished / name).write_bytes(text)
    refused(finished, ["train", name], words)


def test_missing_file(finished):
    refused(finished, ["train", "missing.json"], ["missing.json", "no such file"])


def test_directory(finished):
    refused(finished, ["train", "data_0"], ["data_0", "expected a JSON or YAML input file", "directory"])


KEYS = {
    "wrong type": ({"model.descriptor.rcut": "six"}, ["model.descriptor.rcut", "expected a number", "'six'"]),
    "unknown": ({"model.descriptor.rcut_smooth": 1}, ["descriptor.rcut_smooth", "did you mean 'rcut_smth'"]),
    "unknown section": ({"trainnig": {}}, ["trainnig", "did you mean 'training'"]),
    "later": ({"model.spin": {"use_spin": [True]}}, ["model.spin", "not supported yet"]),
    "later descriptor": ({"model.descriptor.type": "dpa2"}, ["model.descriptor.type", "not supported yet", "dpa2"]),
    "missing": ({"training.numb_steps": ...}, ["training.numb_steps", "required"]),
    "missing section": ({"training": ...}, ["training", "required"]),
    "negative": ({"training.numb_steps": -5}, ["training.numb_steps", "positive", "-5"]),
    "sel of another length": ({"model.descriptor.sel": [6]}, ["model.descriptor.sel", "2 integers", "got 1"]),
    "rcut_smth beyond rcut": ({"model.descriptor.rcut_smth": 9}, ["rcut_smth", "9"]),
    "stop_lr above start_lr": ({"learning_rate.stop_lr": 1}, ["learning_rate.stop_lr", "start_lr"]),
    "batch of no atoms": ({"training.training_data.batch_size": "max:0"}, ["batch_size", "'max:0'"]),
    "batch sizes": (
        {"training.training_data.batch_size": [1, 2, 3]},
        ["batch_size", "expected 2 integers, one per system", "got 3"],
    ),
    "weights": ({"training.training_data.sys_probs": [1.0]}, ["sys_probs", "expected 2 numbers", "got 1"]),
    "block beyond the systems": (
        {"training.training_data.auto_prob": "prob_sys_size;0:5:1"},
        ["auto_prob", "0:5:1", "2 systems"],
    ),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys(finished, kind):
    changes, words = KEYS[kind]
    write_input(finished, changes)
    refused(finished, ["train", "input.json"], words)


def test_several_problems_are_one_message(finished):
    write_input(finished, {"model.descriptor.rcut": "six", "loss.start_pref_e": -1})
    message = refused(finished, ["train", "input.json"], ["input.json: 2 problems"])
    assert len(message.splitlines()) == 3


def test_yaml_and_json_are_refused_alike(finished):
    (finished / "input.yml").write_text(json.dumps(changed(INPUT, {"model.descriptor.rcut": "six"})))
    refused(finished, ["train", "input.yml"], ["model.descriptor.rcut", "expected a number", "'six'"])
