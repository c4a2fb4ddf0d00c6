"""What a frozen graph says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.export.start import start_from_graph


def stored_input(path: str | Path) -> dict:
    """Return the training input that a graph carries.

    Raises
    ------
    InputError
        When the graph is refused or carries none.
    """
    return _script(constants(read_graph_def(path), path), path)


def _script(values: Mapping[str, np.ndarray], path: str | Path) -> dict:
    if "train_attr/training_script" not in values:
        raise InputError(f"{path}: the graph carries no training input (constant train_attr/training_script)")
    try:
        return json.loads(values["train_attr/training_script"].item())
    except ValueError as error:
        raise InputError(f"{path}: the stored training input is not JSON: {error}") from error


def graph_summary(path: str | Path) -> dict:
    """Collect a graph's facts for `dp show`, in the order of their interest."""
    graph = read_graph_def(path)
    values = constants(graph, path)

    def scalar(name):
        value = values[name].item() if name in values else None
        return value.decode() if isinstance(value, bytes) else value

    start = start_from_graph(path)
    weights = {n: v for n, v in start.values.items() if n.rsplit("/")[-1].startswith(("matrix", "bias", "idt"))}
    script = _script(values, path) if "train_attr/training_script" in values else {}
    model = script.get("model", {})
    return {
        "type map": list(start.type_map),
        "cutoff (Å)": scalar("descrpt_attr/rcut"),
        "sel": list(start.sel),
        "descriptor": model.get("descriptor", {}).get("type"),
        "type embedding": _widths(weights, "type_embed_net/matrix"),
        "embedding net": _widths(weights, "filter_type"),
        "fitting net": _widths(weights, "layer_"),
        "precision": sorted({str(value.dtype) for value in weights.values()}),
        "parameters": sum(value.size for value in weights.values()),
        "frame parameters": scalar("fitting_attr/dfparam"),
        "atomic parameters": scalar("fitting_attr/daparam"),
        "energy bias (eV)": start.values.get("fitting_attr/t_bias_atom_e", np.zeros(0)).tolist(),
        "shortest distance in training (Å)": scalar("train_attr/min_nbor_dist"),
        "model type": scalar("model_type"),
        "model version": scalar("model_attr/model_version"),
        "training steps": script.get("training", {}).get("numb_steps"),
        "nodes": len(graph.node),
        "bytes": Path(path).stat().st_size,
    }


def _widths(weights: Mapping[str, np.ndarray], prefix: str) -> list[int]:
    return [int(v.shape[-1]) for n, v in weights.items() if n.startswith(prefix) and "matrix" in n]
