"""Parameters taken out of a graph to train on, and what a graph says of itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

import deepmd_tf
from deepmd_tf.config import config_to_dict
from deepmd_tf.errors import InputError
from deepmd_tf.export.graph_def import read_graph_def
from deepmd_tf.export.native import native_graph
from deepmd_tf.export.nodes import PROGRAM
from deepmd_tf.export.portable import portable_graph
from deepmd_tf.export.start import start_from_graph
from deepmd_tf.export.summary import graph_summary, stored_input
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import ModelStatistics

from ..models import VARIANTS, graph_file, model_config, variant_config, variant_values


@pytest.mark.parametrize("name", VARIANTS)
def test_parameters_return(name):
    """From graph to variables to graph: the same bytes."""
    config = variant_config(name)
    start = start_from_graph(graph_file(name))
    assert start.type_map == config.model.type_map
    assert start.sel == tuple(member.sel for member in config.model.descriptor.members)
    assert start.facts == {"min_nbor_dist": 0.9}
    expected = variant_values(name)
    assert set(start.values) == set(expected)
    parameters = TrainableParameters(start.values)
    EnergyModel(config.model, statistics=ModelStatistics.blank(config.model), parameters=parameters)
    values = parameters.values()
    for key, value in expected.items():
        np.testing.assert_array_equal(values[key], value)
        assert values[key].dtype == value.dtype


def test_the_same_file_again():
    name = "resnet_dt"
    start = start_from_graph(graph_file(name))
    graph = portable_graph(variant_config(name), start.values, start.facts["min_nbor_dist"])
    assert graph.SerializeToString(deterministic=True) == graph_file(name).read_bytes()


def test_adopt():
    start = start_from_graph(graph_file("one_side"))
    assert start.adopt(model_config()) == model_config()
    auto = model_config({"descriptor": {"sel": "auto"}})
    assert start.adopt(auto) == model_config()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"descriptor": {"rcut": 2.0}}, r"model\.descriptor\.rcut: 2\.0 differs from that of .*one_side\.pb"),
        (
            {"fitting_net": {"activation_function": "relu"}},
            r"model\.fitting_net\.activation_function: relu differs from that of .*one_side\.pb, tanh",
        ),
        (
            {"type_map": ["H", "O"]},
            r"model\.type_map: \['H', 'O'\] differs from the type map of .*one_side\.pb, \['O', 'H'\]",
        ),
        (
            {"type_map": ["O", "H", "C"], "descriptor": {"sel": [12, 16, 4]}},
            r"model\.type_map: \['O', 'H', 'C'\] differs from",
        ),
        (
            {"descriptor": {"sel": [12, 17]}},
            r"model\.descriptor\.sel: \[12, 17\] differs from the sel of .*\[12, 16\]; use",
        ),
    ],
    ids=["cutoff", "activation", "order of types", "more types", "sel"],
)
def test_other_models_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        start_from_graph(graph_file("one_side")).adopt(model_config(changes))


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"descriptor": {"neuron": [4, 9]}}, "filter_type_all/matrix_2"),
        ({"descriptor": {"type_one_side": False}}, "filter_type_all/matrix_1"),
        ({"descriptor": {"resnet_dt": True}}, "filter_type_all/idt_2"),
        ({"type_embedding": {"use_tebd_bias": True}}, "type_embed_net/bias_1"),
        ({"fitting_net": {"neuron": [6, 6, 6]}}, "layer_2/matrix"),
        ({"fitting_net": {"numb_fparam": 1}}, "layer_0/matrix"),
    ],
)
def test_other_networks_are_refused(changes, name):
    config = model_config(changes)
    parameters = TrainableParameters(start_from_graph(graph_file("one_side")).values)
    with pytest.raises(InputError, match=f"parameter {name}"):
        EnergyModel(config.model, statistics=ModelStatistics.blank(config.model), parameters=parameters)


def test_stored_input():
    config = variant_config("one_side")
    assert stored_input(graph_file("one_side")) == json.loads(json.dumps(config_to_dict(config, common=True)))


def test_summary():
    values, path = variant_values("fparam_aparam"), graph_file("fparam_aparam")
    summary = graph_summary(path)
    weights = [v for k, v in values.items() if not k.startswith(("descrpt_attr", "fitting_attr"))]
    expected = {
        "type map": ["O", "H"],
        "cutoff (Å)": 3.5,
        "sel": [12, 16],
        "descriptor": "se_e2_a",
        "type embedding": [4, 2],
        "embedding net": [4, 8],
        "fitting net": [6, 6],
        "precision": ["float64"],
        "parameters": sum(v.size for v in weights),
        "frame parameters": 1,
        "atomic parameters": 2,
        "energy bias (eV)": values["fitting_attr/t_bias_atom_e"].tolist(),
        "shortest distance in training (Å)": 0.9,
        "model type": "original_model",
        "model version": "1.1",
        "training steps": 100,
        "bytes": path.stat().st_size,
    }
    assert {key: summary[key] for key in expected} == expected
    assert json.loads(json.dumps(summary)) == summary


def test_summary_names_the_form(tmp_path):
    """Relu has no table: its native graph holds the operations of training."""
    native, summary = "native: one operation of deepmd_tf, with the embedding tabulated", {}
    for name in ("one_side", "relu"):
        path = tmp_path / f"{name}.pb"
        path.write_bytes(native_graph(variant_config(name), variant_values(name), 0.9).SerializeToString())
        summary[name] = graph_summary(path)
    assert summary["one_side"]["form"] == native
    assert summary["relu"]["form"] == "composed: the operations that deepmd_tf trains with"
    own = graph_summary(graph_file("one_side"))
    assert own["form"] == "portable: also for DeePMD-kit"
    assert own["written by"] == summary["relu"]["written by"] == f"deepmd_tf {deepmd_tf.__version__}"
    graph = read_graph_def(graph_file("one_side"))
    kept = [node for node in graph.node if node.name != PROGRAM]
    del graph.node[:]
    graph.node.extend(kept)
    (tmp_path / "theirs.pb").write_bytes(graph.SerializeToString())
    theirs = graph_summary(tmp_path / "theirs.pb")
    assert theirs["form"] == "portable: written by DeePMD-kit" and theirs["written by"] is None


def test_summary_of_mixed_precision():
    assert graph_summary(graph_file("float32_fitting"))["precision"] == ["float32", "float64"]
