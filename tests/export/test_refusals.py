"""What is not the frozen graph of a potential is refused: each case one message that names the file."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.export.graph_def import GraphDef, read_graph_def
from deepmd_tf.export.start import start_from_graph
from deepmd_tf.export.summary import graph_summary, stored_input
from deepmd_tf.infer import DeepPot

from ..models import graph_file


@pytest.fixture
def graph() -> GraphDef:
    return read_graph_def(graph_file("one_side"))


def write(path, graph) -> None:
    path.write_bytes(graph.SerializeToString())


READERS = (read_graph_def, DeepPot, graph_summary, start_from_graph, stored_input)


def assert_refused(path, message, readers=READERS):
    for reader in readers:
        with pytest.raises(InputError, match=message) as error:
            reader(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", r"lacks the node\(s\) t_coord"),
        (b"not a graph at all", "not a frozen graph"),
        (np.random.default_rng(0).bytes(64), "not a frozen graph"),
        (b'{"model": {}}', "not a frozen graph"),
        (b"\x80\x04\x95\x10\x00\x00\x00", "not a frozen graph"),
    ],
    ids=["empty", "text", "noise", "json", "pickle"],
)
def test_garbage(tmp_path, content, message):
    path = tmp_path / "graph.pb"
    path.write_bytes(content)
    assert_refused(path, message)


@pytest.mark.parametrize("part", [0.01, 0.1, 0.37, 0.5, 0.9, 0.999])
def test_truncated(tmp_path, part):
    data = graph_file("one_side").read_bytes()
    path = tmp_path / "graph.pb"
    path.write_bytes(data[: int(part * len(data))])
    assert_refused(path, "not a")


def test_missing_file_and_directory(tmp_path):
    assert_refused(tmp_path / "absent.pb", "cannot read the frozen graph: No such file")
    assert_refused(tmp_path, "cannot read the frozen graph: Is a directory")


@pytest.mark.parametrize("op", ["ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "VarHandleOp", "SaveV2", "Assert"])
def test_foreign_operations(tmp_path, graph, op):
    """Whether or not an output needs them."""
    graph.node.add(name="innocent", op=op)
    path = tmp_path / "graph.pb"
    write(path, graph)
    assert_refused(path, rf"refused, .*: {op} \(node innocent\)")


def test_many_foreign_operations_are_counted(tmp_path, graph):
    for number in range(9):
        graph.node.add(name=f"n{number}", op="PyFunc")
    path = tmp_path / "graph.pb"
    write(path, graph)
    assert_refused(path, r"PyFunc \(node n4\) and 4 more$")


def test_a_real_graph_that_writes_files(tmp_path):
    """The danger itself: importing and running it would write."""
    target = tmp_path / "written"
    with tf.Graph().as_default() as evil:
        tf.raw_ops.WriteFile(filename=str(target), contents="x", name="o_energy")
    path = tmp_path / "graph.pb"
    write(path, evil.as_graph_def())
    assert_refused(path, r"WriteFile \(node o_energy\)")
    assert not target.exists()


def test_function_library(tmp_path, graph):
    function = graph.library.function.add()
    function.signature.name = "hidden"
    function.node_def.add(name="inside", op="PyFunc")
    path = tmp_path / "graph.pb"
    write(path, graph)
    assert_refused(path, "function hidden")


@pytest.mark.parametrize("name", ["t_coord", "t_mesh", "o_energy", "o_virial", "model_attr/tmap"])
def test_missing_node(tmp_path, graph, name):
    kept = [node for node in graph.node if node.name != name]
    path = tmp_path / "graph.pb"
    write(path, GraphDef(node=kept))
    assert_refused(path, rf"not the graph of an energy model, it lacks the node\(s\) {name}")


def test_type_map_that_is_no_constant(tmp_path, graph):
    for node in graph.node:
        if node.name == "model_attr/tmap":
            node.op = "Placeholder"
            node.attr["dtype"].type = tf.string.as_datatype_enum
    path = tmp_path / "graph.pb"
    write(path, graph)
    assert_refused(path, "model_attr/tmap is not a constant string")


def without(graph, name):
    return GraphDef(node=[node for node in graph.node if node.name != name])


def test_missing_constants(tmp_path, graph):
    path = tmp_path / "graph.pb"
    write(path, without(graph, "descrpt_attr/rcut"))
    assert_refused(path, "lacks the constant descrpt_attr/rcut", [DeepPot])
    write(path, without(without(graph, "descrpt_attr/sel"), "train_attr/training_script"))
    assert_refused(path, "lacks the constant descrpt_attr/sel", [start_from_graph])
    assert graph_summary(path)["sel"] == []
    write(path, without(graph, "train_attr/training_script"))
    assert_refused(path, "stores no training input", [stored_input])
    assert graph_summary(path)["sel"] == [12, 16]
    write(path, without(without(graph, "descrpt_attr/sel"), "train_attr/training_script"))
    assert_refused(path, "lacks the constant descrpt_attr/sel", [start_from_graph])
    assert graph_summary(path)["sel"] == []


def test_sel_is_in_the_training_script_too(tmp_path, graph):
    """DeePMD-kit's graphs of some descriptors have it there alone."""
    path = tmp_path / "graph.pb"
    write(path, without(graph, "descrpt_attr/sel"))
    assert graph_summary(path)["sel"] == [12, 16]
    assert start_from_graph(path).sel == ((12, 16),)


def test_training_script_that_is_not_json(tmp_path, graph):
    for node in graph.node:
        if node.name == "train_attr/training_script":
            node.attr["value"].tensor.string_val[0] = b"{"
    path = tmp_path / "graph.pb"
    write(path, graph)
    assert_refused(path, "the constant train_attr/training_script is not what", [stored_input, graph_summary])


def test_output_not_in_the_graph(tmp_path, graph):
    path = tmp_path / "graph.pb"
    write(path, without(graph, "t_typeebd"))
    with pytest.raises(InputError, match="the graph has no output t_typeebd"):
        DeepPot(path).eval_typeebd()
    write(path, without(graph, "o_descriptor"))
    with pytest.raises(InputError, match="the graph has no output o_descriptor"):
        DeepPot(path).eval_descriptor(np.zeros((1, 3)), None, [0])


def test_node_without_its_input(tmp_path, graph):
    kept = [node for node in graph.node if node.name != "filter_type_all/matrix_1"]
    path = tmp_path / "graph.pb"
    write(path, GraphDef(node=kept))
    assert_refused(path, "the graph is inconsistent: .*filter_type_all/matrix_1", [DeepPot])


def test_damaged_constant(tmp_path, graph):
    for node in graph.node:
        if node.name == "layer_0/matrix":
            node.attr["value"].tensor.tensor_content = b"\x00" * 12
    path = tmp_path / "graph.pb"
    write(path, graph)
    assert_refused(
        path, "the constant layer_0/matrix is damaged", [DeepPot, graph_summary, start_from_graph, stored_input]
    )
