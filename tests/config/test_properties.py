"""Any input is read and written back the same, or it is an `InputError`; never anything else."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from deepmd_tf.config import config_to_dict, parse_config
from deepmd_tf.config.names import ACTIVATIONS
from deepmd_tf.config.source import read_mapping
from deepmd_tf.errors import InputError

WATER = json.loads((Path(__file__).parent / "water.json").read_text())
PATHS = [
    (section, key)
    for section in (
        ("model",),
        ("model", "type_embedding"),
        ("model", "descriptor"),
        ("model", "fitting_net"),
        ("learning_rate",),
        ("loss",),
        ("training",),
        ("training", "training_data"),
        ("training", "validation_data"),
    )
    for key in functools.reduce(dict.__getitem__, section, WATER)
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(PATHS), JSON)
@settings(max_examples=300, deadline=None)
def test_any_value_anywhere(place, value):
    section, key = place
    data = copy.deepcopy(WATER)
    table = data
    for name in section:
        table = table[name]
    table[key] = value
    try:
        config = parse_config(data)
    except InputError as error:
        assert str(error).startswith("input: ")
    else:
        assert parse_config(config_to_dict(config)) == config


neurons = st.lists(st.integers(1, 300), min_size=1, max_size=4)


@given(
    neurons,
    st.sampled_from(ACTIVATIONS),
    st.booleans(),
    st.sampled_from(["float64", "float32"]),
    st.none() | st.integers(0, 2**31),
)
@settings(deadline=None)
def test_valid_nets_survive(neuron, activation, resnet_dt, precision, seed):
    data = copy.deepcopy(WATER)
    net = {
        "neuron": neuron,
        "activation_function": activation,
        "resnet_dt": resnet_dt,
        "precision": precision,
        "seed": seed,
    }
    data["model"]["type_embedding"] = net
    config = parse_config(data)
    written = config_to_dict(config)
    assert {key: written["model"]["type_embedding"][key] for key in net} == net


@given(st.text(max_size=40) | st.binary(max_size=40), st.sampled_from(["input.json", "input.yaml"]))
@settings(max_examples=300, deadline=None)
def test_any_file(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("files") / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(read_mapping(path), dict)
    except InputError as error:
        assert str(path) in str(error)
