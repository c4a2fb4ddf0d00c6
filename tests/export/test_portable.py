"""The frozen graph: nodes, types, shapes and operations that other programs rely on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.config import config_to_dict, parse_config
from deepmd_tf.export.allowed_ops import ALLOWED_OPS
from deepmd_tf.export.graph_def import constants, read_graph_def, with_counts
from deepmd_tf.export.portable import portable_graph

from ..frames import make_frame
from ..models import VARIANTS, graph_file, model_config, potential, random_parameters, variant_config, variant_values

NAME = "fparam_aparam"
NFRAMES, NATOMS, NTYPES, NNEI, WIDTH = 2, 6, 2, 28, 24


@pytest.fixture(scope="module")
def graph():
    return read_graph_def(graph_file(NAME))


@pytest.fixture(scope="module")
def nodes(graph):
    return {node.name: node for node in graph.node}


@pytest.fixture(scope="module")
def values(graph):
    return constants(graph)


PLACEHOLDERS = {
    "t_coord": (tf.float64, [-1]),
    "t_type": (tf.int32, [-1]),
    "t_natoms": (tf.int32, [NTYPES + 2]),
    "t_box": (tf.float64, [-1]),
    "t_mesh": (tf.int32, [-1]),
    "t_fparam": (tf.float64, [-1]),
    "t_aparam": (tf.float64, [-1]),
}


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_placeholders(nodes, name):
    dtype, shape = PLACEHOLDERS[name]
    node = nodes[name]
    assert (node.op, tf.as_dtype(node.attr["dtype"].type)) == ("Placeholder", dtype)
    assert [dim.size for dim in node.attr["shape"].shape.dim] == shape


def test_placeholders_of_parameters_only_where_used():
    names = {node.name for node in read_graph_def(graph_file("one_side")).node}
    assert not names & {"t_fparam", "t_aparam"}


ATTRIBUTES = {
    "descrpt_attr/rcut": (np.float64, (), 3.5),
    "descrpt_attr/ntypes": (np.int32, (), 2),
    "descrpt_attr/sel": (np.int32, (2,), [12, 16]),
    "fitting_attr/dfparam": (np.int32, (), 1),
    "fitting_attr/daparam": (np.int32, (), 2),
    "model_attr/tmap": (np.object_, (), b"O H"),
    "model_attr/model_type": (np.object_, (), b"ener"),
    "model_attr/model_version": (np.object_, (), b"1.1"),
    "model_type": (np.object_, (), b"original_model"),
    "train_attr/min_nbor_dist": (np.float64, (), 0.9),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes(nodes, values, name):
    dtype, shape, value = ATTRIBUTES[name]
    assert nodes[name].op == "Const"
    assert values[name].dtype == dtype and values[name].shape == shape
    assert values[name].tolist() == value


def test_training_script(values):
    """The input of the run travels with the graph and reads back as the same configuration."""
    script = json.loads(values["train_attr/training_script"].item())
    assert script == json.loads(json.dumps(config_to_dict(variant_config(NAME), common=True)))
    assert parse_config(script) == variant_config(NAME)


OUTPUTS = {
    "o_energy": (NFRAMES,),
    "o_force": (NFRAMES, 3 * NATOMS),
    "o_virial": (NFRAMES, 9),
    "o_atom_energy": (NFRAMES, NATOMS),
    "o_atom_virial": (NFRAMES, 9 * NATOMS),
    "o_descriptor": (NFRAMES, NATOMS, WIDTH),
    "t_typeebd": (NTYPES, 2),
}


@pytest.mark.parametrize("variant", [NAME, "float32"])
def test_outputs(variant):
    """Shapes and dtypes of what a session returns, whatever the precision of the networks."""
    frame = make_frame("triclinic", config=variant_config(variant))
    counts = np.bincount(frame.types)
    feeds = {
        "t_coord": np.tile(frame.coord.ravel(), NFRAMES),
        "t_type": np.tile(np.sort(frame.types), NFRAMES),
        "t_natoms": [NATOMS, NATOMS, *counts],
        "t_box": np.tile(frame.cell.ravel(), NFRAMES),
        "t_mesh": np.zeros(6),
    }
    if variant == NAME:
        feeds |= {"t_fparam": np.ones(NFRAMES), "t_aparam": np.ones(NFRAMES * NATOMS * 2)}
    graph = read_graph_def(graph_file(variant))
    with tf.Graph().as_default():
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session() as session:
            fetches = {name: f"{name}:0" for name in OUTPUTS}
            results = session.run(fetches, {f"{name}:0": value for name, value in feeds.items()})
    assert {name: result.shape for name, result in results.items()} == OUTPUTS
    assert {result.dtype for result in results.values()} == {np.dtype(np.float64)}


def test_type_embedding_is_an_identity(nodes):
    assert nodes["t_typeebd"].op == "Identity"


@pytest.mark.parametrize("name", VARIANTS)
def test_parameters_are_constants_with_read_nodes(name):
    """Freeze and load: every parameter is found under its name, exactly."""
    graph = read_graph_def(graph_file(name))
    nodes, stored = {node.name: node for node in graph.node}, constants(graph)
    for key, value in variant_values(name).items():
        np.testing.assert_array_equal(stored[key], value)
        assert stored[key].dtype == value.dtype and stored[key].shape == value.shape
        read = nodes[f"{key}/read"]
        assert (read.op, list(read.input)) == ("Identity", [key])


@pytest.mark.parametrize("name", VARIANTS)
def test_operations(name):
    """Only what is allowed and what other programs know; an environment op for each member, without counts."""
    graph = read_graph_def(graph_file(name))
    ops = [node.op for node in graph.node]
    counts = {f"{node.name}:4" for node in graph.node if node.op.startswith("ProdEnvMat")}
    assert not [node.name for node in graph.node if counts.intersection(node.input)]
    assert set(ops) <= ALLOWED_OPS
    compiled = {op: ops.count(op) for op in sorted(set(ops)) if op.startswith("Prod") and op != "Prod"}
    expected = {}
    for member in variant_config(name).model.descriptor.members:
        kind = "R" if member.type.startswith("se_e2_r") else "A"
        for op in ("ProdEnvMat", "ProdForceSe", "ProdVirialSe"):
            expected[op + kind] = expected.get(op + kind, 0) + 1
    assert compiled == expected


def test_inputs_of_the_environment_op(nodes):
    (op,) = (node for node in nodes.values() if node.op == "ProdEnvMatA")
    assert list(op.input)[2] == "t_natoms" and list(op.input)[4] == "t_mesh"
    assert list(op.input)[5:] == ["descrpt_attr/t_avg/read", "descrpt_attr/t_std/read"]
    assert op.attr["rcut_r"].f == pytest.approx(3.5) and op.attr["rcut_r_smth"].f == pytest.approx(1.0)
    assert list(op.attr["sel_a"].list.i) == [12, 16] and list(op.attr["sel_r"].list.i) == [0, 0]


def test_bytes_are_deterministic():
    """Two graphs from one set of parameters are the same file."""
    config = model_config(VARIANTS["resnet_dt"])
    values = random_parameters(config).values()
    backwards = dict(reversed(values.items()))
    first, second = (portable_graph(config, given, 0.9) for given in (values, backwards))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_freezing_leaves_the_default_graph_alone():
    before = len(tf.compat.v1.get_default_graph().get_operations())
    config = model_config()
    portable_graph(config, random_parameters(config).values(), 1.0)
    assert len(tf.compat.v1.get_default_graph().get_operations()) == before


def test_the_loader_puts_counts_in(graph):
    counted = with_counts(graph)
    assert sum(node.op == "ProdEnvMatACounted" for node in counted.node) == 1
    assert all(node.op != "ProdEnvMatACounted" for node in graph.node)
    for node in counted.node:
        node.op = node.op.replace("Counted", "")
    assert counted == graph


def test_a_copy_of_the_file_is_the_same_potential(tmp_path):
    from deepmd_tf.infer import DeepPot

    frame = make_frame("triclinic")
    copy = tmp_path / "copy.pb"
    copy.write_bytes(graph_file("one_side").read_bytes())
    results = DeepPot(copy).eval(frame.coord, frame.cell, frame.types, atomic=True)
    for part, expected in zip(
        results, potential("one_side").eval(frame.coord, frame.cell, frame.types, atomic=True), strict=True
    ):
        np.testing.assert_array_equal(part, expected)
