"""Summary of a frozen graph, for `dp show`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepmd_tf.config.hybrid import members_of
from deepmd_tf.errors import InputError
from deepmd_tf.export import nodes
from deepmd_tf.export.facts import graph_facts
from deepmd_tf.export.graph_def import constants, read_graph_def


def stored_input(path: str | Path) -> dict:
    """Return the training input that a graph stores.

    Raises
    ------
    InputError
        When the graph is refused or stores none.
    """
    script = graph_facts(constants(read_graph_def(path), path), path).script
    if not script:
        raise InputError(f"{path}: the graph stores no training input (constant train_attr/training_script)")
    return script


def graph_summary(path: str | Path) -> dict:
    """Return the facts of a graph for `dp show`, the most interesting ones first."""
    graph = read_graph_def(path)
    values = constants(graph, path)
    facts = graph_facts(values, path)
    weights = {n: v for n, v in values.items() if n.rpartition("/")[2].startswith(("matrix", "bias", "idt"))}

    def scalar(name):
        value = values[name].item() if name in values else None
        return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value

    return {
        "form": _form({node.op for node in graph.node}, nodes.PROGRAM in values),
        "written by": scalar(nodes.PROGRAM),
        "type map": list(facts.type_map),
        "cutoff (Å)": facts.rcut,
        "sel": [list(sel) for sel in facts.sel] if len(facts.sel) > 1 else list(*facts.sel),
        "descriptor": _descriptor(facts.script),
        "type embedding": _widths(weights, "type_embed_net/matrix"),
        "embedding net": _widths(weights, "filter_type"),
        "fitting net": _widths(weights, "layer_"),
        "precision": sorted({str(value.dtype) for value in weights.values()}),
        "parameters": sum(value.size for value in weights.values()),
        "frame parameters": facts.numb_fparam,
        "atomic parameters": facts.numb_aparam,
        "energy bias (eV)": np.ravel(values.get("fitting_attr/t_bias_atom_e", ())).tolist(),
        "shortest distance in training (Å)": facts.min_distance if math.isfinite(facts.min_distance) else None,
        "model type": scalar("model_type"),
        "model version": scalar("model_attr/model_version"),
        "training steps": _key(facts.script, "training", "numb_steps"),
        "nodes": len(graph.node),
        "bytes": Path(path).stat().st_size,
    }


def _form(operations: set[str], ours: bool) -> str:
    """Describe which programs can run a graph with these operations."""
    if "EvaluateModel" in operations:
        return "native: one operation of deepmd_tf, with the embedding tabulated"
    if not any(name.startswith("ProdEnvMat") for name in operations):
        return "composed: the operations that deepmd_tf trains with"
    return f"portable: {'also for DeePMD-kit' if ours else 'written by DeePMD-kit'}"


def _descriptor(script: dict) -> str | None:
    """Return the name of the descriptor, with the members of a hybrid."""
    name = _key(script, "model", "descriptor", "type")
    members = [str(_key(member, "type")) for member in members_of(_key(script, "model") or {})]
    return f"{name} of {', '.join(members)}" if name == "hybrid" else name


def _key(tree, *path: str):
    """Follow keys into nested dictionaries; None where one is missing."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _widths(weights: Mapping[str, np.ndarray], prefix: str) -> list[int]:
    return [int(v.shape[-1]) for n, v in weights.items() if n.startswith(prefix) and "matrix" in n and v.ndim]
