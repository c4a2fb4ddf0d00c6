"""Systems on disk become arrays."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from deepmd_tf.data import check_labels, load_system, load_systems
from deepmd_tf.data import npy as npy_module
from deepmd_tf.errors import InputError

from .conftest import TYPE_MAP, write_system


def test_everything_is_there(system_dir):
    system = load_system(system_dir, TYPE_MAP)
    assert (system.natoms, system.nframes, system.ntypes, system.periodic) == (3, 7, 2, True)
    assert system.labels == {"energy", "force", "virial"}
    assert system.type.dtype == np.int32
    assert system.compositions(np.array([3, 5])).tolist() == [[1, 2], [1, 2]]
    batch = system.frames()
    assert (batch.nframes, batch.natoms) == (7, 3)
    assert batch.coord.shape == (7, 3, 3)
    assert batch.box.shape == (7, 3, 3)
    assert batch.force.shape == (7, 3, 3)
    assert batch.virial.shape == (7, 9)
    assert batch.energy.shape == (7,)
    assert batch.type.shape == (7, 3)
    assert batch.fparam is batch.aparam is batch.atom_ener is None


@pytest.mark.parametrize("indices", [[6, 0, 4], [3, 3], [2], slice(2, 6), np.array([5, 1])])
def test_frames_come_in_the_order_asked_for(system_dir, indices):
    system = load_system(system_dir, TYPE_MAP)
    everything = system.frames()
    batch = system.frames(indices)
    np.testing.assert_array_equal(batch.energy, everything.energy[indices])
    np.testing.assert_array_equal(batch.coord, everything.coord[indices])
    np.testing.assert_array_equal(batch.virial, everything.virial[indices])


def test_values_are_those_of_the_files(system_dir):
    system = load_system(system_dir, TYPE_MAP)
    batch = system.frames([5])
    np.testing.assert_array_equal(batch.coord[0].ravel(), np.load(system_dir / "set.001/coord.npy")[1])
    np.testing.assert_array_equal(batch.force[0].ravel(), np.load(system_dir / "set.001/force.npy")[1])


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", ">f8"])
def test_any_floating_point_file_gives_float64(tmp_path, dtype):
    system = load_system(write_system(tmp_path / "s", dtype=dtype), TYPE_MAP)
    batch = system.frames([1, 6])
    for array in (batch.coord, batch.box, batch.energy, batch.force, batch.virial):
        assert array.dtype == np.float64
    np.testing.assert_array_equal(batch.energy, [1, 6])


def test_column_of_energies_and_fortran_order(edit, system_dir):
    edit("set.000/energy.npy", lambda energy: energy[:, None])
    edit("set.000/coord.npy", np.asfortranarray)
    system = load_system(system_dir, TYPE_MAP)
    np.testing.assert_array_equal(system.frames().energy, np.arange(7))
    np.testing.assert_array_equal(system.frames([2]).coord[0].ravel(), np.load(system_dir / "set.000/coord.npy")[2])


def test_large_files_are_mapped(system_dir, monkeypatch):
    expected = load_system(system_dir, TYPE_MAP).frames()
    monkeypatch.setattr(npy_module, "MAP_BYTES", 1)
    system = load_system(system_dir, TYPE_MAP)
    assert all(isinstance(array, np.memmap) for rows in system._rows.values() for array in rows._arrays)
    np.testing.assert_array_equal(system.frames().coord, expected.coord)


def test_open_system(tmp_path):
    system = load_system(write_system(tmp_path / "s", periodic=False), TYPE_MAP)
    assert not system.periodic
    assert system.frames([0]).box is None


def test_box_of_an_open_system_is_not_read(system_dir):
    (system_dir / "nopbc").touch()
    np.save(system_dir / "set.000/box.npy", np.zeros((1, 2)))
    assert load_system(system_dir, TYPE_MAP).frames().box is None


def test_parameters(tmp_path):
    directory = write_system(tmp_path / "s", labels=["energy", "fparam", "aparam", "atom_ener"])
    system = load_system(directory, TYPE_MAP)
    assert (system.numb_fparam, system.numb_aparam) == (2, 2)
    batch = system.frames()
    assert batch.fparam.shape == (7, 2)
    assert batch.aparam.shape == (7, 3, 2)
    assert batch.atom_ener.shape == (7, 3)
    assert batch.force is None


def test_one_frame_parameter_in_a_vector(edit, tmp_path, system_dir):
    for folder in ("set.000", "set.001"):
        np.save(system_dir / folder / "fparam.npy", np.load(system_dir / folder / "energy.npy"))
    system = load_system(system_dir, TYPE_MAP)
    np.testing.assert_array_equal(system.frames().fparam, np.arange(7)[:, None])


@pytest.mark.parametrize(
    ("names", "type_map", "expected"),
    [
        (("O", "H"), ("O", "H"), [0, 1, 1]),
        (("O", "H"), ("H", "O"), [1, 0, 0]),
        (("O", "H"), ("C", "H", "N", "O"), [3, 1, 1]),
        (None, ("O", "H"), [0, 1, 1]),
        (None, ("A", "B", "C"), [0, 1, 1]),
        (("O", "H", "Xe"), ("O", "H"), [0, 1, 1]),
    ],
)
def test_species(tmp_path, names, type_map, expected):
    system = load_system(write_system(tmp_path / "s", names=names), type_map)
    assert system.type.tolist() == expected
    assert system.type_map == type_map


def test_recursive_search(tmp_path):
    for name in ("b/x", "a/deep/er", "c"):
        write_system(tmp_path / name)
    found = [system.path for system in load_systems(str(tmp_path), TYPE_MAP)]
    assert found == [str(tmp_path / name) for name in ("a/deep/er", "b/x", "c")]


def test_a_list_is_taken_as_given(tmp_path, monkeypatch):
    for name in ("b", "a", "nest/y", "nest/x"):
        write_system(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert [system.path for system in load_systems(["b/", "a", "b/"], TYPE_MAP)] == ["b/", "a", "b/"]
    assert [system.path for system in load_systems(["b", "nest"], TYPE_MAP)] == ["b", "nest/x", "nest/y"]


def test_sets_in_sorted_order(system_dir):
    shutil.move(system_dir / "set.000", system_dir / "set.9")
    assert load_system(system_dir, TYPE_MAP).frames().energy.tolist() == [4, 5, 6, 0, 1, 2, 3]


def test_check_labels(tmp_path):
    systems = [
        load_system(write_system(tmp_path / "full", labels=["energy", "force", "fparam", "aparam"]), TYPE_MAP),
        load_system(write_system(tmp_path / "poor", labels=["force"]), TYPE_MAP),
    ]
    check_labels(systems, ["force"])
    check_labels(systems[:1], ["force", "energy"], numb_fparam=2, numb_aparam=2)
    for kwargs, words in (
        ({"required": ["energy"]}, ["poor", "energy.npy"]),
        ({"numb_fparam": 2}, ["poor", "2 numbers per frame", "numb_fparam is 2", "no fparam.npy"]),
        ({"numb_aparam": 1}, ["full", "1 numbers per atom", "numb_aparam is 1", "2 per row"]),
    ):
        with pytest.raises(InputError) as caught:
            check_labels(systems, **kwargs)
        for word in words:
            assert word in str(caught.value)
