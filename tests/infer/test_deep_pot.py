"""Arguments and results of `DeepPot`, and their independence of batches and of the order of atoms."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import pytest

import deepmd_tf
from deepmd_tf.errors import InputError
from deepmd_tf.infer import DeepPot

from .. import reference
from ..frames import make_frame
from ..models import graph_file, native_potential, potential, variant_config, variant_values


@pytest.fixture
def dp() -> DeepPot:
    return potential("two_sides")


@pytest.fixture
def frame():
    return make_frame("triclinic")


def several(frame, count=5):
    """Return coordinates and cells of different frames."""
    rng = np.random.default_rng(1)
    coords = frame.coord + rng.normal(0, 0.1, (count, frame.natoms, 3))
    return coords, frame.cell * rng.uniform(0.97, 1.03, (count, 1, 1))


def test_copies(frame):
    potential = DeepPot(graph_file("two_sides"), batch_atoms=7)
    assert copy.deepcopy(potential) is copy.copy(potential) is potential
    loaded = pickle.loads(pickle.dumps(potential))
    for part, expected in zip(
        loaded.eval(*several(frame), frame.types), potential.eval(*several(frame), frame.types), strict=True
    ):
        np.testing.assert_array_equal(part, expected)


def test_pickles_find_the_file_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(graph_file("two_sides").parent)
    pickled = pickle.dumps(DeepPot(graph_file("two_sides").name))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickled).get_rcut() == 3.5


def test_package_exports_it():
    assert deepmd_tf.DeepPot is DeepPot


def test_facts(dp):
    assert dp.get_rcut() == 3.5
    assert dp.get_ntypes() == 2
    assert dp.get_type_map() == ["O", "H"]
    assert dp.get_sel() == [12, 16]
    assert (dp.get_dim_fparam(), dp.get_dim_aparam()) == (0, 0)
    both = potential("fparam_aparam")
    assert (both.get_dim_fparam(), both.get_dim_aparam()) == (1, 2)


@pytest.mark.parametrize("nframes", [1, 3])
@pytest.mark.parametrize("shape", ["triclinic", "open"])
def test_shapes_and_dtypes(dp, nframes, shape):
    frame = make_frame(shape)
    cells = None if frame.cell is None else np.tile(frame.cell, (nframes, 1, 1))
    coords, natoms = np.tile(frame.coord, (nframes, 1, 1)), frame.natoms
    results = dp.eval(coords, cells, frame.types, atomic=True)
    assert [part.shape for part in results] == [
        (nframes, 1),
        (nframes, natoms, 3),
        (nframes, 9),
        (nframes, natoms, 1),
        (nframes, natoms, 9),
    ]
    descriptor = dp.eval_descriptor(coords, cells, frame.types)
    assert descriptor.shape == (nframes, natoms, 24)
    assert {part.dtype for part in (*results, descriptor)} == {np.dtype(np.float64)}
    for part, expected in zip(dp.eval(coords, cells, frame.types), results[:3], strict=True):
        np.testing.assert_array_equal(part, expected)


def test_forms_of_input(dp, frame):
    coords, cells = several(frame, 2)
    expected = dp.eval(coords, cells, frame.types)
    for given in (
        (coords.reshape(2, -1), cells.reshape(2, 9), frame.types),
        (coords.ravel(), cells.ravel(), frame.types),
        (coords.tolist(), cells.tolist(), frame.types.tolist()),
        (np.asfortranarray(coords), np.asfortranarray(cells), frame.types.astype(np.int8)),
        (coords, cells, frame.types[None]),
        (coords, cells, np.tile(frame.types, (2, 1))),
    ):
        for part, desired in zip(dp.eval(*given), expected, strict=True):
            np.testing.assert_array_equal(part, desired)
    for given in (
        (coords[0], cells[0], frame.types),
        (coords[0].ravel(), cells[0].ravel(), frame.types),
        (coords[:1].astype(np.float32).astype(np.float64) * 0 + coords[:1], cells[:1], frame.types[None]),
    ):
        for part, desired in zip(dp.eval(*given), expected, strict=True):
            np.testing.assert_allclose(part, desired[:1], rtol=0, atol=1e-12)


def test_given_arrays_are_not_changed(dp, frame):
    coords, cells = several(frame)
    kept = coords.copy(), cells.copy(), frame.types.copy()
    dp.eval(coords, cells, frame.types, pbc=(True, False, True))
    for array, original in zip((coords, cells, frame.types), kept, strict=True):
        np.testing.assert_array_equal(array, original)


@pytest.mark.parametrize("make", [potential, native_potential])
def test_descriptor_follows_the_order_of_atoms(make, frame):
    dp = make("two_sides")
    order = np.random.default_rng(2).permutation(frame.natoms)
    mixed = frame.subset(order)
    result = dp.eval_descriptor(mixed.coord, mixed.cell, mixed.types)
    expected = dp.eval_descriptor(frame.coord, frame.cell, frame.types)
    np.testing.assert_allclose(result, expected[:, order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [potential, native_potential])
@pytest.mark.parametrize("periodic", [True, False])
def test_mixed_compositions(periodic, make):
    """Frames may have any composition in any order, each with its own parameters."""
    name = "fparam_aparam"
    dp, rng = make(name), np.random.default_rng(4)
    frame = make_frame("triclinic", config=variant_config(name))
    coords, cells = several(frame, 6)
    types = np.array([frame.types, 1 - frame.types, [0] * 6, frame.types[::-1], [1, 1, 1, 1, 1, 0], frame.types])
    fparam, aparam = rng.normal(size=(6, 1)), rng.normal(size=(6, 6, 2))
    cells = cells if periodic else None
    results = dp.eval(coords, cells, types, fparam, aparam, atomic=True)
    shared = dp.eval(coords, cells, types, fparam[0], aparam[0], atomic=True)
    model, values = variant_config(name).model, variant_values(name)
    for k in range(6):
        one = None if cells is None else cells[k]
        expected = reference.atomic_energies(model, values, coords[k], one, types[k], fparam[k], aparam[k])
        np.testing.assert_allclose(results[3][k, :, 0], expected, rtol=0, atol=1e-11)
        for many, parameters in ((results, (fparam[k], aparam[k])), (shared, (fparam[0], aparam[0]))):
            for part, alone in zip(many, dp.eval(coords[k], one, types[k], *parameters, atomic=True), strict=True):
                np.testing.assert_allclose(part[k], alone[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [potential, native_potential])
@pytest.mark.parametrize("batch_atoms", [1, 12, 13, 10_000])
def test_batches_do_not_matter(make, frame, batch_atoms):
    coords, cells = several(frame)
    dp = make("two_sides")
    small = DeepPot(dp.runner.path, batch_atoms=batch_atoms)
    results = small.eval(coords, cells, frame.types, atomic=True)
    for k in range(len(coords)):
        for part, alone in zip(results, dp.eval(coords[k], cells[k], frame.types, atomic=True), strict=True):
            np.testing.assert_allclose(part[k], alone[0], rtol=0, atol=1e-12)


def test_batch_size_from_the_environment(monkeypatch, frame):
    seen = []
    monkeypatch.setenv("DP_INFER_BATCH_SIZE", "12")
    dp = DeepPot(graph_file("two_sides"))
    run = dp.runner.run
    monkeypatch.setattr(dp.runner, "run", lambda outputs, feeds: seen.append(feeds) or run(outputs, feeds))
    dp.eval(*several(frame), frame.types)
    assert [len(feeds["t_coord"]) for feeds in seen] == [36, 36, 18]


@pytest.mark.parametrize("value", ["0", "-3", "many", "1.5"])
def test_batch_size_must_be_positive(monkeypatch, value):
    monkeypatch.setenv("DP_INFER_BATCH_SIZE", value)
    with pytest.raises(InputError, match=rf"DP_INFER_BATCH_SIZE.*positive.*{value}"):
        DeepPot(graph_file("two_sides"))
    with pytest.raises(InputError, match="batch_atoms"):
        DeepPot(graph_file("two_sides"), batch_atoms=0)


def test_parameters_are_shared_when_one_is_given():
    name = "fparam_aparam"
    dp, frame = potential(name), make_frame("triclinic", config=variant_config(name))
    coords, cells = several(frame, 3)
    fparam, aparam = np.array([0.3]), np.array([0.1, -0.7])
    full = dp.eval(coords, cells, frame.types, np.tile(fparam, (3, 1)), np.tile(aparam, (3, 6)))
    per_atom = np.tile(aparam, (6, 1))
    for given in ((fparam, aparam), (0.3, per_atom), ([0.3], per_atom.ravel()), (np.full((3, 1), 0.3), per_atom[None])):
        for part, expected in zip(dp.eval(coords, cells, frame.types, *given), full, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_parameters_reach_their_frame_and_atom():
    name = "fparam_aparam"
    dp, frame = potential(name), make_frame("triclinic", config=variant_config(name))
    coords, cells = several(frame, 3)
    rng = np.random.default_rng(8)
    fparam, aparam = rng.normal(size=(3, 1)), rng.normal(size=(3, 6, 2))
    together = dp.eval(coords, cells, frame.types, fparam, aparam.reshape(3, -1), atomic=True)[3]
    for k in range(3):
        expected = reference.atomic_energies(
            variant_config(name).model, variant_values(name), coords[k], cells[k], frame.types, fparam[k], aparam[k]
        )
        np.testing.assert_allclose(together[k, :, 0], expected, rtol=0, atol=1e-11)


def test_type_embedding(dp):
    expected = reference.type_embedding(variant_config("two_sides").model, variant_values("two_sides"))
    np.testing.assert_allclose(dp.eval_typeebd(), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("nmore", [1, 6])
def test_sel_too_small_is_reported_once(caplog, nmore):
    """A warning reports ignored neighbors and the required sel once, and again if the required sel grows."""
    dp = DeepPot(graph_file("two_sides"))
    rng = np.random.default_rng(9)
    coords = rng.uniform(0, 2.0, (2, 13 + nmore, 3))
    types = np.zeros(13 + nmore, int)
    with caplog.at_level(logging.WARNING, "deepmd_tf"):
        dp.eval(coords[0], None, types)
        dp.eval(coords[1], None, types)
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert f"[{12 + nmore}, 16]" in message and "[12, 16]" in message and "O H" in message
    with caplog.at_level(logging.WARNING, "deepmd_tf"):
        dp.eval(rng.uniform(0, 2.0, (14 + nmore, 3)), None, np.zeros(14 + nmore, int))
    assert len(caplog.records) == 2
    assert f"[{13 + nmore}, 16]" in caplog.records[1].getMessage()


def test_exactly_full_sel_is_not_reported(caplog):
    dp = DeepPot(graph_file("two_sides"))
    with caplog.at_level(logging.WARNING, "deepmd_tf"):
        dp.eval(np.random.default_rng(9).uniform(0, 2.0, (13, 3)), None, np.zeros(13, int))
    assert not caplog.records
