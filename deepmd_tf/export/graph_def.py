"""Reading frozen graphs safely, and the facts they carry."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd_tf.errors import InputError
from deepmd_tf.export.allowed_ops import ALLOWED_OPS

GraphDef = tf.compat.v1.GraphDef
_MAX_BYTES = 2**31 - 1
_MAX_ELEMENTS = 2**28  # of all constants together
_MAX_REPEATED = 2**24  # of a constant whose values the file does not hold one by one
_VERSION = "1"
_COUNTED = {"ProdEnvMatA": "ProdEnvMatACounted", "ProdEnvMatR": "ProdEnvMatRCounted"}


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
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; a frozen graph is at most {_MAX_BYTES}")
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
    _check_version(graph, path)


def _check_version(graph: GraphDef, path: Path) -> None:
    """Refuse graphs of a layout that this program does not know; those without a version are of the first."""
    node = next((node for node in graph.node if node.name == "model_attr/model_version"), None)
    words = [] if node is None else node.attr["value"].tensor.string_val
    version = words[0].decode("utf-8", "replace") if len(words) == 1 else None
    if node is not None and (version is None or version.split(".")[0] != _VERSION):
        found = "no text" if version is None else repr(version[:40])
        raise InputError(
            f"{path}: expected model_attr/model_version {_VERSION}.x, which this program reads, got {found}; "
            "freeze it again, or update this program"
        )


def constants(graph: GraphDef, path: str | Path = "graph") -> dict[str, np.ndarray]:
    """Return the values of all Const nodes of a graph by name.

    Parameters
    ----------
    graph : GraphDef
        The graph.
    path : str or Path
        Where it came from, for messages.

    Raises
    ------
    InputError
        When a constant's bytes do not fit its shape, or the shapes are beyond what a graph file can hold.
    """
    values = {}
    total = 0
    for node in graph.node:
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            elements = _claimed(tensor)
            total += elements
            if total > _MAX_ELEMENTS or (elements > _MAX_REPEATED and not tensor.tensor_content):
                raise InputError(f"{path}: the constant {node.name} claims {elements} elements; refused")
            try:
                values[node.name] = tf.make_ndarray(tensor)
            except (ValueError, TypeError, KeyError, OverflowError, IndexError) as error:
                reason = str(error).splitlines()[0][:200]
                raise InputError(f"{path}: the constant {node.name} is damaged: {reason}") from error
    return values


def _claimed(tensor: tf.compat.v1.TensorProto) -> int:
    """Return the number of elements according to the shape of a constant, with zero lengths counted as 1."""
    return math.prod(max(dim.size, 1) for dim in tensor.tensor_shape.dim)


def with_counts(graph: GraphDef) -> GraphDef:
    """Return the graph with environment ops that also count neighbors, as one more output."""
    result = GraphDef()
    result.CopyFrom(graph)
    for node in result.node:
        node.op = _COUNTED.get(node.op, node.op)
    return result
