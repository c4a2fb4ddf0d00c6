"""Surveys that are kept come back bit for bit, for the same data and settings only."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepmd_tf.data import load_systems
from deepmd_tf.errors import InputError
from deepmd_tf.statistics import StoredSurveys, survey
from deepmd_tf.statistics.stored import DEFAULT_NAME, SLOW, beside

from ..mixed import make_frames, write_mixed, write_ordinary

SETTINGS = (4.0, 1.0, ())
TYPES = ("O", "H")


@pytest.fixture
def place(tmp_path):
    write_mixed(tmp_path / "data" / "mixed", make_frames(seed=2))
    write_ordinary(tmp_path / "data", make_frames(3))
    return tmp_path / "data"


def opened(place):
    systems = load_systems(str(place), TYPES)
    return systems, [np.ones(system.nframes) for system in systems]


def same(one, other):
    np.testing.assert_array_equal(one.centers, other.centers)
    np.testing.assert_array_equal(one.sums, other.sums)
    np.testing.assert_array_equal(one.neighbors.max_neighbors, other.neighbors.max_neighbors)
    return one.neighbors.min_distance == other.neighbors.min_distance


def test_what_is_kept_comes_back(place, tmp_path):
    systems, weights = opened(place)
    seen = survey(systems, 2, 4.0, 1.0)
    path = str(tmp_path / "statistics")
    first = StoredSurveys(path, systems)
    assert first.find(weights, SETTINGS) is None
    first.keep(weights, SETTINGS, seen, 0.0)
    again = StoredSurveys(path, opened(place)[0])
    assert same(again.find(weights, SETTINGS), seen)
    alone = survey(systems, 2, 0.1, 0.0)
    again.keep(weights, (0.1, 0.0, ()), alone, 0.0)
    third = StoredSurveys(path, systems)
    assert same(third.find(weights, SETTINGS), seen)
    assert third.find(weights, (0.1, 0.0, ())).neighbors.min_distance == np.inf


def edited(name, change):
    def edit(place):
        np.save(place / name, change(np.load(place / name)))

    return edit


def last_bit(array):
    array[-1, -1] = np.nextafter(array[-1, -1], np.inf)
    return array


CHANGES = {
    "a coordinate": edited("frame_1/set.000/coord.npy", last_bit),
    "a cell": edited("frame_1/set.000/box.npy", last_bit),
    "a type": lambda place: (place / "frame_1/type_map.raw").write_text("O H"),
    "a type of a frame": edited("mixed/set.001/real_atom_types.npy", lambda t: np.where(t == 1, 0, t)),
    "boundary conditions": lambda place: (place / "frame_1/nopbc").touch(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_data_have_other_statistics(place, tmp_path, change):
    systems, weights = opened(place)
    path = str(tmp_path / "statistics")
    StoredSurveys(path, systems).keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 0.0)
    change(place)
    assert StoredSurveys(path, opened(place)[0]).find(weights, SETTINGS) is None


def test_labels_do_not_matter_and_settings_do(place, tmp_path):
    systems, weights = opened(place)
    path = str(tmp_path / "statistics")
    StoredSurveys(path, systems).keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 0.0)
    edited("frame_1/set.000/force.npy", last_bit)(place)
    stored = StoredSurveys(path, opened(place)[0])
    assert stored.find(weights, SETTINGS) is not None
    assert stored.find(weights, (4.5, 1.0, ())) is None
    assert stored.find([2 * of_frame for of_frame in weights], SETTINGS) is None


def test_beside_the_data_only_when_it_took_long(place):
    systems, weights = opened(place)
    path = place / DEFAULT_NAME
    assert beside(systems) == path and beside(systems[:1]) == path
    seen = survey(systems, 2, 4.0, 1.0)
    StoredSurveys(None, systems).keep(weights, SETTINGS, seen, 0.9 * SLOW)
    assert not path.exists()
    StoredSurveys(None, systems).keep(weights, SETTINGS, seen, 1.1 * SLOW)
    assert same(StoredSurveys(None, systems).find(weights, SETTINGS), seen)


def test_a_directory_gets_a_file(place, tmp_path):
    systems, weights = opened(place)
    StoredSurveys(str(tmp_path), systems).keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 0.0)
    assert (tmp_path / DEFAULT_NAME).exists()


@pytest.mark.parametrize("damage", ["bit", "cut", "other", "empty"])
def test_damaged_files(place, tmp_path, caplog, damage):
    systems, weights = opened(place)
    path = place / DEFAULT_NAME
    StoredSurveys(str(path), systems).keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 0.0)
    text = path.read_text()
    content = json.loads(text)
    next(iter(content["surveys"].values()))["centers"][0] += 1
    path.write_text({"bit": json.dumps(content), "cut": text[: len(text) // 2], "other": "[1]", "empty": ""}[damage])
    with pytest.raises(InputError, match=r"training\.stat_file: .*remove it"):
        StoredSurveys(str(path), systems)
    before = path.read_text()
    stored = StoredSurveys(None, systems)
    assert stored.find(weights, SETTINGS) is None
    stored.keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 1.1 * SLOW)
    assert path.read_text() == before
