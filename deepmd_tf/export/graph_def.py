"""Reading frozen graphs safely, and the facts they carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd_tf.errors import InputError
from deepmd_tf.export.allowed_ops import ALLOWED_OPS

GraphDef = tf.compat.v1.GraphDef
_MOST_BYTES = 2**31 - 1
_MOST_ELEMENTS = 2**28
_COUNTED = {"ProdEnvMatA": "ProdEnvMatACounted", "ProdEnvMatR": "ProdEnvMatRCounted"}
_COUNTS = 4
"""Which output of an environment op that counts are the counts."""


def read_graph_def(path: str | Path) -> GraphDef:
    """Read a frozen graph and refuse anything but arithmetic.

    Parameters
    ----------
    path : str or Path
        A ``.pb`` file.

    Raises
    ------
    InputError
        When it is missing, not a GraphDef, without the nodes of the contract, or holds an op outside the allow-list: a
        graph is a program, and only arithmetic is run from files.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; a frozen graph is at most {_MOST_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the frozen graph: {error.strerror}") from error
    graph = GraphDef()
    try:
        graph.ParseFromString(data)
    except DecodeError as error:
        raise InputError(
            f"{path}: not a frozen graph (binary GraphDef, as `dp freeze` writes); {len(data)} bytes"
        ) from error
    _check(graph, path)
    return graph


def _check(graph: GraphDef, path: Path) -> None:
    foreign = sorted(
        {f"{node.op} (node {node.name})" for node in graph.node if node.op not in ALLOWED_OPS}
        | {f"function {function.signature.name}" for function in graph.library.function}
    )
    if foreign:
        shown = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
        raise InputError(f"{path}: refused, the graph holds operations that a Deep Potential does not need: {shown}")
    names = {node.name for node in graph.node}
    needed = ("t_coord", "t_type", "t_natoms", "t_box", "t_mesh", "o_energy", "o_force", "o_virial", "model_attr/tmap")
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(f"{path}: not the graph of an energy model, it lacks the node(s) {', '.join(missing)}")
    type_map = next(node for node in graph.node if node.name == "model_attr/tmap")
    if type_map.op != "Const" or len(type_map.attr["value"].tensor.string_val) != 1:
        raise InputError(f"{path}: not the graph of an energy model, its model_attr/tmap is not a constant string")


def constants(graph: GraphDef, path: str | Path = "graph") -> dict[str, np.ndarray]:
    """All Const nodes of a graph by name.

    Parameters
    ----------
    graph : GraphDef
        The graph.
    path : str or Path
        Where it came from, for messages.

    Raises
    ------
    InputError
        When a constant's bytes do not fit its shape, or the shape is beyond what a graph file can hold.
    """
    values = {}
    for node in graph.node:
        if node.op == "Const":
            elements = math.prod(max(dim.size, 0) for dim in node.attr["value"].tensor.tensor_shape.dim)
            if elements > _MOST_ELEMENTS:
                raise InputError(f"{path}: the constant {node.name} claims {elements} elements; refused")
            try:
                values[node.name] = tf.make_ndarray(node.attr["value"].tensor)
            except (ValueError, TypeError) as error:
                raise InputError(f"{path}: the constant {node.name} is damaged: {error}") from error
    return values


def with_counts(graph: GraphDef) -> GraphDef:
    """Let the environment ops also report neighbour counts (a further output, the others unchanged)."""
    return _renamed(graph, _COUNTED)


def without_counts(graph: GraphDef) -> GraphDef:
    """Undo `with_counts`: only ops that other programs know, and nothing that is made of the counts."""
    result = _renamed(graph, {counted: plain for plain, counted in _COUNTED.items()})
    gone = {f"{node.name}:{_COUNTS}" for node in result.node if node.op in _COUNTED}
    for node in result.node:  # each stands behind what it takes
        if gone.intersection(node.input):
            gone.add(node.name)
    for place in reversed(range(len(result.node))):
        if result.node[place].name in gone:
            del result.node[place]
    return result


def _renamed(graph: GraphDef, names: Mapping[str, str]) -> GraphDef:
    result = GraphDef()
    result.CopyFrom(graph)
    for node in result.node:
        node.op = names.get(node.op, node.op)
    return result
