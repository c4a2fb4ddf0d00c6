"""The native graph gives the numbers of the portable one."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.export import native
from deepmd_tf.export.allowed_ops import ALLOWED_OPS
from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.export.native import native_graph

from ..frames import make_frame
from ..models import (
    IN_ONE_OP,
    KINDS,
    SETTINGS,
    VARIANTS,
    model_config,
    native_file,
    native_potential,
    potential,
    random_parameters,
    variant_config,
    variant_values,
)

RESULTS = ("energy", "force", "virial", "atomic energy", "atomic virial")


def ops_of(graph) -> set[str]:
    return {node.op for node in graph.node}


def tolerance(name: str) -> float:
    return 2e-5 if "float32" in name else 1e-10


def assert_same(name: str, *arguments) -> None:
    """One evaluation by both graphs."""
    got = native_potential(name).eval(*arguments, atomic=True)
    expected = potential(name).eval(*arguments, atomic=True)
    for what, actual, desired in zip(RESULTS, got, expected, strict=True):
        atol = tolerance(name) * max(1, np.abs(desired).max())
        np.testing.assert_allclose(actual, desired, rtol=0, atol=atol, err_msg=what)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *((name, shape) for name in KINDS for shape in ("triclinic", "small", "open")),
        *((name, "triclinic") for name in SETTINGS),
    ],
)
def test_equals_portable(name, shape):
    frame = make_frame(shape, config=variant_config(name))
    stretch = np.array([1.0, 1.02, 1.05])[:, None, None]
    cells = None if frame.cell is None else frame.cell * stretch
    assert_same(name, frame.coord * stretch, cells, frame.types, frame.fparam, frame.aparam)


@pytest.mark.parametrize("name", ["two_sides", "fparam_aparam", "relu"])
def test_frames_of_different_composition(name):
    frame = make_frame("triclinic", config=variant_config(name))
    types = np.stack([frame.types, np.roll(frame.types, 1), 1 - frame.types])
    coords, cells = np.tile(frame.coord, (3, 1, 1)), np.tile(frame.cell, (3, 1, 1))
    assert_same(name, coords, cells, types, frame.fparam, frame.aparam)


@pytest.mark.parametrize("name", ["one_side", "relu"])
def test_descriptor_and_type_embedding(name):
    frame = make_frame("triclinic")
    both = [
        (each.eval_descriptor(frame.coord, frame.cell, frame.types), each.eval_typeebd())
        for each in (native_potential(name), potential(name))
    ]
    for got, expected in zip(*both, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", VARIANTS)
def test_operations(name):
    """One op does the work, wherever it can; nothing in the graph is foreign to the loader."""
    ops = ops_of(read_graph_def(native_file(name)))
    assert ("EvaluateModel" in ops) == (name in IN_ONE_OP)
    assert ops <= ALLOWED_OPS


def test_parameters_are_constants():
    """Training can begin from the graph as from a portable one."""
    stored = constants(read_graph_def(native_file("resnet_dt")))
    for name, value in variant_values("resnet_dt").items():
        np.testing.assert_array_equal(stored[name], value)


def test_a_table_beyond_memory_is_made_while_evaluating(monkeypatch, caplog):
    monkeypatch.setattr(native, "_MAX_BYTES", 10_000)
    with caplog.at_level(logging.INFO, "deepmd_tf"):
        ops = ops_of(native_graph(variant_config("two_sides"), variant_values("two_sides"), 0.9))
    assert "EvaluateModel" not in ops and "ContractCells" in ops
    assert "the table of the embedding would take" in caplog.text


def test_steep_nets_have_fine_tables():
    """And still the numbers of the net."""
    config = model_config()
    parameters = random_parameters(config, 3)
    sizes = []
    for factor in (1.0, 4.0):
        values = {**parameters.values()}
        values["filter_type_all/matrix_1"] = values["filter_type_all/matrix_1"] * factor
        sizes.append(native_graph(config, values, 0.9).ByteSize())
    assert sizes[1] > 1.5 * sizes[0]


def test_atoms_nearer_than_the_table_reaches_are_refused():
    coord = np.array([[0.0, 0, 0], [0.003, 0, 0], [1.5, 0, 0]])
    with pytest.raises(InputError, match=r"atoms 0 and 1 are 0\.003\d* Å apart"):
        native_potential("one_side").eval(coord, None, [0, 1, 1])
    coord[1, 0] = native.NEAREST
    assert_same("one_side", coord, None, [0, 1, 1])


def test_more_neighbors_than_sel_all_count(caplog):
    """No neighbor is left out, so energies stay smooth where those of the portable graph jump, and nothing is said."""
    rng = np.random.default_rng(3)
    types = np.zeros(60, int)
    grid = np.stack(np.meshgrid(*[np.arange(4) * 1.2] * 3), axis=-1).reshape(-1, 3)[:60]
    coord = grid + 0.05 * rng.normal(size=(60, 3))
    energy, force, _ = native_potential("one_side").eval(coord, None, types)
    assert not caplog.records
    step = 1e-5
    moved = np.tile(coord, (2, 1, 1))
    moved[0, 30, 1] += step
    moved[1, 30, 1] -= step
    plus, minus = native_potential("one_side").eval(moved, None, types)[0].ravel()
    assert force[0, 30, 1] == pytest.approx(-(plus - minus) / (2 * step), abs=1e-6 * np.abs(force).max())
    assert np.isfinite(energy).all()
