"""YAML says the same as JSON."""

from __future__ import annotations

import yaml

from deepmd_tf.config import load_config, parse_config
from deepmd_tf.config.source import read_mapping


def test_water_input(tmp_path, water):
    path = tmp_path / "input.yaml"
    path.write_text(yaml.safe_dump(water))
    assert load_config(path) == parse_config(water)


def read(tmp_path, text):
    path = tmp_path / "input.yml"
    path.write_text(text)
    return read_mapping(path)


def test_numbers_without_a_point(tmp_path):
    assert read(tmp_path, "a: 1e-3\nb: 3.51e-8\nc: 1e6\nd: -.5\ne: 010\n") == {
        "a": 1e-3,
        "b": 3.51e-8,
        "c": 1e6,
        "d": -0.5,
        "e": 10,
    }


def test_elements_are_strings(tmp_path):
    assert read(tmp_path, "type_map: [N, O, Y, No, on]\n") == {"type_map": ["N", "O", "Y", "No", "on"]}


def test_words(tmp_path):
    assert read(tmp_path, "a: true\nb: False\nc: null\nd: ~\ne:\nf: auto:32\n") == {
        "a": True,
        "b": False,
        "c": None,
        "d": None,
        "e": None,
        "f": "auto:32",
    }


def test_anchors(tmp_path):
    text = "net: &net {neuron: [8], resnet_dt: true}\nother: {<<: *net, resnet_dt: false}\n"
    assert read(tmp_path, text)["other"] == {"neuron": [8], "resnet_dt": False}


def test_merges_of_merges(tmp_path):
    """Nine times nine times nine ... tables that say the same are that table."""
    many = [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}], y{k}: {k}}}" for k in range(1, 20)]
    (tmp_path / "input.yaml").write_text("\n".join(["a0: &a0 {x: 1}", *many]))
    table = read_mapping(tmp_path / "input.yaml")["a19"]
    assert table == {"x": 1} | {f"y{k}": k for k in range(1, 20)}
