"""Graphs and checkpoints with other energies per species."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.ops.evaluate import node_inputs

BIAS = "fitting_attr/t_bias_atom_e"
"""Name of the constant in graphs and of the parameter in checkpoints."""


def shift_graph(graph: tf.compat.v1.GraphDef, shift: np.ndarray, path: str) -> tf.compat.v1.GraphDef:
    """Return a graph with shifted energies per type.

    Parameters
    ----------
    graph : GraphDef
        A native (also compressed), composed or portable graph, of this program or DeePMD-kit.
    shift : ndarray
        Shift of the energies (eV) ``[ntypes]``.
    path : str
        File of the graph, for messages.
    """
    result = tf.compat.v1.GraphDef()
    result.CopyFrom(graph)
    nodes = {node.name: node for node in result.node}
    if BIAS not in nodes or nodes[BIAS].op != "Const":
        raise InputError(f"{path}: the graph lacks the constant {BIAS}, so its energies per species cannot be changed")
    _add(nodes[BIAS], shift)
    for node in result.node:
        if node.op == "EvaluateModel":
            (atom_bias,) = node_inputs(node)["atom_bias"]
            _add(_constant(nodes, atom_bias, path), shift)
    return result


def _constant(nodes: Mapping, name: str, path: str):
    node = nodes[name]
    if node.op != "Const":
        raise InputError(f"{path}: expected a constant where the graph takes energies per species, got {node.op}")
    return node


def _add(node, shift: np.ndarray) -> None:
    value = tf.make_ndarray(node.attr["value"].tensor)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto((value + shift.reshape(value.shape)).astype(value.dtype)))
