"""Facts about the model of a frozen graph, read from its constants and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmd_tf.config.hybrid import members_of
from deepmd_tf.errors import InputError


@dataclass(frozen=True)
class GraphFacts:
    """Facts of a frozen graph.

    Attributes
    ----------
    type_map : tuple of str
        Names of the species.
    rcut : float
        Cutoff (Å).
    sel : tuple of tuple of int
        Slots per neighbor type of each member of the descriptor; from the training input if there is no constant
        (DeePMD-kit writes none for some descriptors); empty if the graph stores neither.
    numb_fparam, numb_aparam : int
        Numbers of frame and atomic parameters.
    min_distance : float
        Shortest distance in the training data (Å); inf if the graph does not store it.
    script : dict
        The training input; empty if the graph stores none.
    """

    type_map: tuple[str, ...]
    rcut: float
    sel: tuple[tuple[int, ...], ...]
    numb_fparam: int
    numb_aparam: int
    min_distance: float
    script: dict


def graph_facts(values: Mapping[str, np.ndarray], path: str | Path) -> GraphFacts:
    """Read the facts from the constants of a graph.

    Raises
    ------
    InputError
        When a constant is missing or not of the expected kind; the message names it.
    """

    def read(name, convert, default=None):
        if name not in values and default is not None:
            return default
        try:
            return convert(values[name])
        except KeyError:
            raise InputError(f"{path}: the graph lacks the constant {name}") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: the constant {name} is not what a Deep Potential has there: {error}") from None

    def text(value):
        return value.item().decode("utf-8")

    def mapping(value):
        script = json.loads(text(value))
        if not isinstance(script, dict):
            raise ValueError(f"expected a JSON object, got a {type(script).__name__}")
        return script

    script = read("train_attr/training_script", mapping, {})
    return GraphFacts(
        type_map=read("model_attr/tmap", lambda value: tuple(text(value).split())),
        rcut=read("descrpt_attr/rcut", lambda value: float(value.item())),
        sel=read("descrpt_attr/sel", lambda value: (tuple(int(n) for n in value),), _stored_sel(script)),
        numb_fparam=read("fitting_attr/dfparam", lambda value: int(value.item()), 0),
        numb_aparam=read("fitting_attr/daparam", lambda value: int(value.item()), 0),
        min_distance=read("train_attr/min_nbor_dist", lambda value: float(value.item()), float("inf")),
        script=script,
    )


def _stored_sel(script: dict) -> tuple[tuple[int, ...], ...]:
    """Return the slots in the training input."""
    model = script.get("model")
    sel = [member.get("sel") for member in members_of(model if isinstance(model, dict) else {})]
    whole = all(isinstance(of_member, list) and all(isinstance(n, int) for n in of_member) for of_member in sel)
    return tuple(map(tuple, sel)) if whole else ()
