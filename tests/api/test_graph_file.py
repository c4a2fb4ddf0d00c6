"""Graph files are read without TensorFlow, and damaged or hostile ones are refused, never run and never fatal."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmd_tf import _api
from deepmd_tf.errors import InputError
from deepmd_tf.export.allowed_ops import ALLOWED_OPS

from ..frames import make_frame
from ..models import native_file

# Between the file's bytes and the whole of a message there are several ways to say the same.
FRAME = make_frame("triclinic")


def graph_of(name: str = "one_side") -> tf.compat.v1.GraphDef:
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(native_file(name).read_bytes())
    return graph


def node_of(graph, name: str):
    return next(node for node in graph.node if node.name == name)


@pytest.fixture
def write(tmp_path):
    """Writes bytes or a graph to a file and returns its path."""

    def write(graph) -> str:
        path = tmp_path / "graph.pb"
        path.write_bytes(graph if isinstance(graph, bytes) else graph.SerializeToString())
        return str(path)

    return write


def energy(path: str) -> float:
    return _api.DeepPot(path).evaluate(FRAME.coord, FRAME.types, FRAME.cell)["energy"].item()


@pytest.fixture(scope="module")
def expected() -> float:
    return energy(str(native_file("one_side")))


def unpacked(graph) -> None:
    """Constants with their values one by one instead of as bytes."""
    fields = {tf.float64: "double_val", tf.float32: "float_val", tf.int32: "int_val", tf.int64: "int64_val"}
    for node in graph.node:
        tensor = node.attr["value"].tensor
        dtype = tf.as_dtype(tensor.dtype) if node.op == "Const" else None
        if dtype in fields and tensor.tensor_content:
            values = tf.make_ndarray(tensor).ravel()
            tensor.tensor_content = b""
            getattr(tensor, fields[dtype]).extend(values.tolist())


def test_values_one_by_one(write, expected):
    graph = graph_of()
    unpacked(graph)
    assert energy(write(graph)) == expected


def test_the_last_value_is_repeated(write):
    """A tensor of one value that stands for all of them, and one without any, which are zeros."""
    results = []
    for compact in (False, True):
        graph = graph_of()
        bias, matrix = (node_of(graph, name).attr["value"].tensor for name in ("layer_1/bias", "final_layer/matrix"))
        values = tf.make_ndarray(bias)
        bias.CopyFrom(tf.make_tensor_proto(np.full_like(values, 0.25)))
        matrix.CopyFrom(tf.make_tensor_proto(np.zeros_like(tf.make_ndarray(matrix))))
        for tensor in (bias, matrix) if compact else ():
            value = tf.make_ndarray(tensor).flat[0]
            tensor.tensor_content = b""
            tensor.double_val[:] = [value] if value else []
        results.append(energy(write(graph)))
    assert results[0] == results[1]


def test_unknown_fields_are_passed_over(write, expected):
    data = native_file("one_side").read_bytes()
    unknown = b"\xa2\x06\x03abc" + b"\xa8\x06\x96\x01" + b"\xad\x06abcd" + b"\xa9\x06abcdefgh"
    assert energy(write(unknown + data + unknown)) == expected


def test_identities_are_followed(write, expected):
    graph = graph_of()
    for k in range(3):
        graph.node.add(name=f"again_{k}", op="Identity", input=[f"again_{k - 1}" if k else "layer_1/bias/read"])
    node = node_of(graph, "EvaluateModel")
    node.input[list(node.input).index("layer_1/bias/read")] = "again_2"
    assert energy(write(graph)) == expected


def test_inputs_that_are_computed_are_left_to_tensorflow(write, expected):
    graph = graph_of()
    graph.node.add(name="negative", op="Neg", input=["layer_1/bias/read"]).attr["T"].type = tf.float64.as_datatype_enum
    graph.node.add(name="again", op="Neg", input=["negative"]).attr["T"].type = tf.float64.as_datatype_enum
    node = node_of(graph, "EvaluateModel")
    node.input[list(node.input).index("layer_1/bias/read")] = "again"
    path = write(graph)
    model = _api.DeepPot(path)
    assert not model.native and model.why_not_native.endswith("freeze it again: biases")
    assert energy(path) == pytest.approx(expected, rel=1e-12)


def replaced(name: str, value) -> tf.compat.v1.GraphDef:
    graph = graph_of()
    node_of(graph, name).attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    return graph


def without(name: str) -> tf.compat.v1.GraphDef:
    graph = graph_of()
    graph.node.remove(node_of(graph, name))
    return graph


def with_op(op: str) -> tf.compat.v1.GraphDef:
    graph = graph_of()
    graph.node.add(name="more", op=op)
    return graph


def with_function() -> tf.compat.v1.GraphDef:
    graph = graph_of()
    graph.library.function.add().signature.name = "f"
    return graph


def of_shape(*sizes: int) -> tf.compat.v1.GraphDef:
    graph = graph_of()
    shape = node_of(graph, "EvaluateModel/table").attr["value"].tensor.tensor_shape
    del shape.dim[:]
    for size in sizes:
        shape.dim.add(size=size)
    return graph


def cycle() -> tf.compat.v1.GraphDef:
    graph = graph_of()
    graph.node.add(name="one", op="Identity", input=["other"])
    graph.node.add(name="other", op="Identity", input=["one"])
    node_of(graph, "EvaluateModel").input[-1] = "one"
    return graph


REFUSALS = {
    "empty": (lambda: b"", "no nodes"),
    "text": (lambda: b"not a graph", "not a frozen graph"),
    "foreign": (lambda: with_op("ReadFile"), r"refused, the graph holds operations .*: ReadFile \(node more\)"),
    "function": (with_function, "refused, the graph holds operations"),
    "duplicate": (lambda: with_op("NoOp").SerializeToString() + with_op("NoOp").SerializeToString(), "two nodes"),
    "no type map": (lambda: without("model_attr/tmap"), "lacks the constant model_attr/tmap"),
    "no cutoff": (lambda: without("descrpt_attr/rcut"), "lacks the constant descrpt_attr/rcut"),
    "no weights": (lambda: without("layer_1/bias"), "lacks the node layer_1/bias"),
    "no output": (lambda: without("o_energy"), "lacks o_energy"),
    "cutoff": (lambda: replaced("descrpt_attr/rcut", -1.0), "descrpt_attr/rcut is not a positive number"),
    "type map": (lambda: replaced("model_attr/tmap", 3), "model_attr/tmap is not one string"),
    "types": (lambda: replaced("model_attr/tmap", "O H C"), "model_attr/tmap 3 names"),
    "slots": (lambda: replaced("EvaluateModel/sel", np.array([-1, 5], np.int32)), "sel: expected numbers of slots"),
    "no slots": (lambda: replaced("EvaluateModel/sel", np.array([0, 0], np.int32)), "sel: expected 1 to"),
    "shape": (lambda: replaced("layer_1/bias", np.zeros(5)), r"biases\[0\]: expected shape \[6\]"),
    "type": (lambda: replaced("layer_1/bias", np.zeros(6, np.float32)), r"biases\[0\]: expected a constant of float64"),
    "huge": (lambda: of_shape(2**20, 2**20, 4), "of the shape"),
    "negative": (lambda: of_shape(-1, 2), "of the shape"),
    "misfit": (lambda: of_shape(3, 5), "values where its shape has 15"),
    "cycle": (cycle, "a chain of too many nodes"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(write, name):
    make, message = REFUSALS[name]
    with pytest.raises(InputError, match=message) as caught:
        _api.DeepPot(write(make()))
    assert "graph.pb: " in str(caught.value)


@pytest.mark.parametrize("path", ["absent.pb", "."])
def test_files_that_cannot_be_read(tmp_path, path):
    with pytest.raises(InputError, match="cannot read the frozen graph"):
        _api.DeepPot(str(tmp_path / path))


def test_the_same_operations_are_allowed(write):
    """The list that was compiled in is the one of the Python package."""
    graph = graph_of()
    for k, op in enumerate(sorted(ALLOWED_OPS)):
        if op != "EvaluateModel":
            graph.node.add(name=f"extra_{k}", op=op)
    assert _api.DeepPot(write(graph)).native


def survives(path: str) -> None:
    """Loads and evaluates: a number or an `InputError`."""
    try:
        model = _api.DeepPot(path)
        if model.native:
            model.evaluate(FRAME.coord, FRAME.types, FRAME.cell)
    except InputError as error:
        assert str(error)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "graph.pb"


DATA = native_file("one_layer").read_bytes()


@settings(max_examples=150)
@given(st.integers(0, len(DATA)))
def test_truncated(scratch, size):
    scratch.write_bytes(DATA[:size])
    survives(str(scratch))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bits(scratch, flips):
    damaged = bytearray(DATA)
    for place, mask in flips:
        damaged[place] ^= mask
    scratch.write_bytes(damaged)
    survives(str(scratch))


@settings(max_examples=100)
@given(st.integers(0, len(DATA)), st.binary(max_size=40), st.integers(0, 40))
def test_replaced_bytes(scratch, place, inserted, removed):
    scratch.write_bytes(DATA[:place] + inserted + DATA[place + removed :])
    survives(str(scratch))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes(scratch, data):
    scratch.write_bytes(data)
    survives(str(scratch))
