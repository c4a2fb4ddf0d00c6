"""Repeated boxes, other species, slots."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import frames
from benchmarks.inputs import ATOMS, EXAMPLE_DATA, Data, has, load, load_types, natoms
from benchmarks.scaling import sizes
from benchmarks.species import COUNTS, ELEMENTS, MANY, changes_of, with_species
from deepmd_tf.geometry import neighbors


def example_frame():
    system = EXAMPLE_DATA / "data_3"
    return load(system, "coord")[:1], load(system, "box")[:1], load_types(system)


def test_repeated_box_has_the_neighbors_of_the_box():
    one = example_frame()
    coord, cells, types = frames.repeat(*one, (2, 1, 3))
    assert np.linalg.det(cells.reshape(3, 3)) == pytest.approx(6 * np.linalg.det(one[1].reshape(3, 3)))
    few = neighbors.periodic(one[0].reshape(-1, 3), one[2], one[1].reshape(3, 3), 4.0)
    many = neighbors.periodic(coord.reshape(-1, 3), types, cells.reshape(3, 3), 4.0)
    np.testing.assert_array_equal(np.diff(many.edge_splits), np.tile(np.diff(few.edge_splits), 6))
    np.testing.assert_allclose(many.edge_vec, np.tile(few.edge_vec, (6, 1)), atol=1e-10)


def test_counts_near():
    assert frames.counts_near(192, 192) == (1, 1, 1)
    assert frames.counts_near(192, 12288) == (4, 4, 4)
    assert abs(192 * np.prod(frames.counts_near(192, 10**6)) / 10**6 - 1) < 0.01


def test_sizes_of_the_scaling():
    assert list(sizes(192, 20000)) == [192, 1536, 12288]
    assert list(sizes(192, 10**6))[-1] == 998784
    assert list(sizes(192, 0)) == [192, 1536]


@pytest.mark.parametrize("ntypes", [1, 7, 70])
def test_random_types_are_even_and_the_same_every_time(ntypes):
    types = frames.random_types(192, ntypes)
    counts = np.bincount(types, minlength=ntypes)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(types, frames.random_types(192, ntypes))


def test_sel_holds_every_neighbor():
    coord = np.array([[0.0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]])
    cells = 20 * np.eye(3).reshape(1, 9)
    assert frames.sel_of(coord, cells, np.array([0, 1, 1, 1]), 3, 1.2) == [2, 4, 2]


def test_enough_names_of_elements():
    assert len(ELEMENTS) == len(set(ELEMENTS)) == MANY > max(COUNTS)


def test_enlarged_data_are_the_same_physics(tmp_path):
    given = Data.find(EXAMPLE_DATA)
    larger = given.enlarged(tmp_path)
    assert {natoms(path) for path in (*larger.training, larger.validation)} == {ATOMS}
    before, after = given.validation, larger.validation
    energy = [load(path, "energy").ravel() / natoms(path) for path in (before, after)]
    np.testing.assert_allclose(*energy)
    np.testing.assert_array_equal(load(after, "force")[:, :288], load(before, "force"))
    np.testing.assert_array_equal(load(after, "force")[:, 288:], load(before, "force"))
    np.testing.assert_allclose(load(after, "virial").ravel(), 2 * load(before, "virial").ravel())
    assert larger.enlarged(tmp_path / "again") == larger


def test_data_that_do_not_fit_are_left_as_they_are(tmp_path):
    given = Data.find(EXAMPLE_DATA)
    assert given.enlarged(tmp_path, 100) == given


def test_other_species_on_the_same_coordinates(tmp_path):
    system = EXAMPLE_DATA / "data_3"
    small = {name: load(system, name)[:2] for name in ("coord", "box", "energy", "force")}
    path = frames.write_system(tmp_path / "data_0", ("O", "H"), load_types(system), small)
    data, sel = with_species(Data((path,), path), 3, tmp_path / "three")
    assert (data.validation / "type_map.raw").read_text().split() == ELEMENTS[:3]
    assert load_types(data.validation, tuple(ELEMENTS[:3])).max() == 2
    np.testing.assert_array_equal(load(data.validation, "coord"), small["coord"])
    assert not has(data.validation, "virial")
    assert changes_of(3, sel)["model.descriptor.sel"] == sel
    assert len(sel) == 3
