"""Inputs and attributes that the op for whole models refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops

from ..models import variant_config
from .whole_model import SHORTEST, Whole, make_frames, make_whole


def array_of(whole: Whole, name: str) -> np.ndarray:
    return tf.convert_to_tensor(whole.inputs[name]).numpy().copy()


def changed(whole: Whole, name: str, index, value) -> dict[str, Any]:
    array = array_of(whole, name)
    array[index] = value
    return {name: array}


def with_shape(whole: Whole, name: str, change) -> dict[str, Any]:
    return {name: change(array_of(whole, name))}


def with_entry(whole: Whole, name: str, change) -> dict[str, Any]:
    """Change the first of a list of inputs."""
    first, *others = whole.inputs[name]
    return {name: [change(tf.convert_to_tensor(first).numpy()), *others]}


REFUSED = {
    "type too large": (lambda w: changed(w, "type", 8, 2), r"frame 1, atom 2: expected a type in \[0, 2\), got 2"),
    "type negative": (lambda w: changed(w, "type", 0, -1), "frame 0, atom 0: expected a type"),
    "splits fall": (lambda w: changed(w, "frame_splits", 1, 13), "frame_splits: expected numbers"),
    "splits end late": (lambda w: changed(w, "frame_splits", -1, 99), "frame_splits: .* the number of atoms"),
    "no number": (lambda w: changed(w, "coord", (7, 1), np.nan), "frame 1, atom 1: coordinate y is nan"),
    "no volume": (lambda w: changed(w, "box", 0, 0.0), "frame 0, the cell must be finite and have a volume"),
    "coord": (lambda w: with_shape(w, "coord", lambda x: x[:, :2]), r"coord: expected shape \[14,3\]"),
    "box": (lambda w: with_shape(w, "box", lambda x: x[:2]), r"box: expected shape \[3,9\]"),
    "periodic": (lambda w: with_shape(w, "periodic", lambda x: x[:2]), r"periodic|Dimensions must be equal"),
    "extra is long": (lambda w: {"extra": np.zeros((14, 3))}, r"extra: expected shape \[14,0\]"),
    "extra has few rows": (lambda w: {"extra": np.zeros((3, 0))}, r"extra: expected shape \[14,0\]"),
    "avg": (lambda w: with_shape(w, "avg", lambda x: x[:1]), r"std_radial|table|exclude"),
    "std": (lambda w: with_shape(w, "std_radial", lambda x: x[:1]), r"std_radial: expected shape \[2\]"),
    "std is zero": (lambda w: {"std_angular": np.zeros(2)}, "the last two not zero"),
    "sel": (lambda w: {"sel": np.array([3], np.int32)}, r"sel: expected shape \[2\]"),
    "sel is negative": (lambda w: {"sel": np.array([-3, 9], np.int32)}, "sel: expected numbers of slots"),
    "sel is zero": (lambda w: {"sel": np.zeros(2, np.int32)}, "sel: expected 1 to"),
    "rcut": (lambda w: {"rcut": -1.0}, "rcut"),
    "rcut_smth": (lambda w: {"rcut_smth": 99.0}, "rcut_smth"),
    "rcut is no number": (lambda w: {"rcut": np.nan}, "rcut"),
    "unit": (lambda w: {"unit": 0.0}, "panels: expected a positive unit"),
    "lowest": (lambda w: {"lowest": np.nan}, "panels|nearer"),
    "per_octave": (lambda w: {"per_octave": 0}, "per_octave: expected 1 to"),
    "per_octave is large": (lambda w: {"per_octave": 2**30}, "per_octave: expected 1 to"),
    "codes": (lambda w: with_shape(w, "table", lambda x: x[:1]), r"table: expected shape \[2,"),
    "panels": (lambda w: with_shape(w, "table", lambda x: x[:, :0]), "table: expected .codes, panels"),
    "few terms": (lambda w: with_shape(w, "table", lambda x: x[:, :, :1]), "table: expected .codes, panels"),
    "many terms": (lambda w: with_shape(w, "table", lambda x: np.repeat(x, 3, axis=2)), "table: expected .codes"),
    "columns": (lambda w: with_shape(w, "table", lambda x: x[..., :7]), "empty: expected shape"),
    "few columns": (
        lambda w: {"table": w.inputs["table"][..., :2], "empty": w.inputs["empty"][..., :2]},
        "axis_neuron: expected 1 to 2",
    ),
    "empty": (lambda w: with_shape(w, "empty", lambda x: x[:1]), "empty: expected shape"),
    "first_matrix": (lambda w: with_entry(w, "first_matrix", lambda x: x[1:]), "first_matrix.0.: expected shape"),
    "extra_matrix": (lambda w: with_entry(w, "extra_matrix", lambda x: x[:, 1:]), "extra_matrix.0.: expected shape"),
    "nets": (
        lambda w: {name: 3 * w.inputs[name] for name in ("first_matrix", "extra_matrix", "final_matrix")},
        "first_matrix: expected one net or one for each of 2 types, got 3",
    ),
    "first_bias": (lambda w: with_shape(w, "first_bias", lambda x: x[1:]), "first_bias: expected shape"),
    "matrices": (lambda w: {"matrices": [np.zeros((5, 6))]}, r"matrices.0.: expected shape \[6,\?\]"),
    "biases": (lambda w: {"biases": [np.zeros(5)]}, r"biases.0.: expected shape \[6\]"),
    "idts": (lambda w: {"idts": [np.zeros(0), np.zeros(5)]}, r"idts.1.: expected shape \[6\]"),
    "few idts": (lambda w: {"idts": [np.zeros(0)]}, "one more of idts"),
    "no neurons": (
        lambda w: {"matrices": [np.zeros((6, 0))], "biases": [np.zeros(0)], "final_matrix": [np.zeros((0, 1))]},
        "at least one neuron",
    ),
    "final_matrix": (lambda w: with_entry(w, "final_matrix", lambda x: x[1:]), "final_matrix.0.: expected shape"),
    "atom_bias": (lambda w: {"atom_bias": np.zeros(3)}, "atom_bias: expected shape"),
}


@pytest.fixture(scope="module")
def small():
    config = variant_config("one_side")
    return make_whole(config, make_frames(config))


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, small):
    change, message = REFUSED[case]
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
        small(**change(small))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"activation": "sine"}, "activation: expected one of tanh, .* got 'sine'"),
        ({"exclude_types": [[0, 2]]}, r"exclude_types: expected types in \[0, 2\), got 0 and 2"),
        ({"axis_neuron": 9}, "axis_neuron: expected 1 to 8"),
        ({"axis_neuron": 4}, "first_matrix.0.: expected shape"),
        ({"one_side": False}, "table: expected shape"),
    ],
)
def test_refused_attributes(small, attributes, message):
    spoiled = dataclasses.replace(small, attributes={**small.attributes, **attributes})
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        spoiled()


def test_atoms_too_near_are_named(small):
    coord = array_of(small, "coord")
    coord[9] = coord[7] + [0.0, 0.0123, 0.0]
    message = r"frame 1: atoms 1 and 3 are 0.0123 Å apart, nearer than the model's table reaches \(0\.\d+ Å\)"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        small(coord=coord)
    coord[9] = coord[7]
    with pytest.raises(tf.errors.InvalidArgumentError, match="frame 1: atoms 1 and 3 are at the same position"):
        small(coord=coord)


def test_table_reaches_as_far_as_it_says(small):
    """Just outside the distance of the message a pair is computed, just inside it is refused."""
    coord = array_of(small, "coord")
    coord[9] = coord[7] + [0.0, 0.0123, 0.0]
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        small(coord=coord)
    reach = float(ops.op_message(error.value).split("reaches (")[1].split()[0])
    assert reach <= SHORTEST
    coord[9] = coord[7] + [0.0, reach * 1.001, 0.0]
    assert np.isfinite(small(coord=coord).force).all()
    coord[9] = coord[7] + [0.0, reach * 0.999, 0.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="nearer"):
        small(coord=coord)
