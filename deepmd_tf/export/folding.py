"""Constant folding: results of operations on constants are stored as constants."""

from __future__ import annotations

import tensorflow as tf


def fold_inputs(graph: tf.compat.v1.GraphDef, op: str) -> None:
    """Replace the inputs of nodes `op` that do not depend on placeholders by constants.

    A program without TensorFlow can then read these nodes. Inputs that are constants already do not change.

    Parameters
    ----------
    graph : GraphDef
        The graph; changed in place.
    op : str
        The operation.
    """
    nodes = {node.name: node for node in graph.node}
    fed: dict[str, bool] = {}

    def is_fed(name: str) -> bool:
        if name not in fed:
            node = nodes[name]
            fed[name] = node.op.startswith("Placeholder") or any(is_fed(_node_of(each)) for each in node.input)
        return fed[name]

    def is_constant(name: str) -> bool:
        while nodes[name].op == "Identity":
            name = _node_of(nodes[name].input[0])
        return nodes[name].op == "Const"

    for node in [each for each in graph.node if each.op == op]:
        wanted = [k for k, each in enumerate(node.input) if not is_fed(_node_of(each))]
        wanted = [k for k in wanted if not is_constant(_node_of(node.input[k]))]
        for k, value in zip(wanted, _values(graph, [node.input[k] for k in wanted]), strict=True):
            constant = graph.node.add(name=f"{node.name}/folded_{k}", op="Const")
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
            constant.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            node.input[k] = constant.name


def _node_of(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]


def _values(graph: tf.compat.v1.GraphDef, names: list[str]) -> list:
    """Return outputs of nodes that depend on no placeholder."""
    if not names:
        return []
    with tf.Graph().as_default():
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session() as session:
            return session.run([name if ":" in name else f"{name}:0" for name in names])
