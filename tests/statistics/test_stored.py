"""Surveys that are kept come back bit for bit, for the same data and settings only."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from deepmd_tf.data import load_systems
from deepmd_tf.errors import InputError
from deepmd_tf.statistics import StoredSurveys, survey
from deepmd_tf.statistics.stored import DEFAULT_NAME, SLOW, _checksum, beside

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


def replaced(**values):
    return lambda surveys: {key: stored | values for key, stored in surveys.items()}


def scaled(factor):
    def change(surveys):
        return {key: stored | {"sums": (factor * np.array(stored["sums"])).tolist()} for key, stored in surveys.items()}

    return change


def of_three_types(surveys):
    longer = {}
    for key, stored in surveys.items():
        rows = {name: [*stored[name], stored[name][0]] for name in ("centers", "sums", "max_neighbors")}
        longer[key] = stored | rows
    return longer


FORGERIES = {
    "a list": (lambda surveys: list(surveys.values()), "no table of surveys"),
    "nothing": (lambda surveys: None, "no table of surveys"),
    "a survey that is a number": (lambda surveys: dict.fromkeys(surveys, 3), "a survey is not a table"),
    "a missing key": (lambda surveys: {key: {"centers": [1, 1]} for key in surveys}, "sums: "),
    "no distance": (
        lambda surveys: {k: {n: v for n, v in s.items() if n != "min_distance"} for k, s in surveys.items()},
        "min_distance: ",
    ),
    "text": (replaced(centers=["1", "2"]), "centers: expected finite numbers"),
    "nested": (replaced(centers=[[1, 2]]), "centers: expected finite numbers"),
    "ragged": (replaced(sums=[[0] * 4, [0] * 3]), r"sums: expected finite numbers \[2, 4\]"),
    "too few rows": (replaced(sums=[[0] * 4]), "sums: "),
    "no types": (replaced(centers=[], sums=[], max_neighbors=[]), "sums: "),
    "of other lengths": (replaced(max_neighbors=[1, 2, 3]), r"max_neighbors: expected finite numbers \[2\]"),
    "not a number": (replaced(centers=[float("nan"), 1.0]), "centers: expected finite"),
    "an integer of 400 digits": (replaced(centers=[10**400, 1]), "centers: expected finite"),
    "negative": (replaced(centers=[-1.0, 1.0]), "centers: expected counts"),
    "more neighbors than memory": (replaced(max_neighbors=[10**12, 1]), "max_neighbors: expected whole"),
    "half a neighbor": (replaced(max_neighbors=[0.5, 1]), "max_neighbors: expected whole"),
    "a distance of zero": (replaced(min_distance=0.0), "min_distance: "),
    "infinitely far": (replaced(min_distance=None), "min_distance: "),
    "sums that no distances have": (scaled(1e3), "sums: "),
    "sums of the wrong sign": (scaled(-1), "sums: "),
    "another number of types": (of_three_types, "statistics of 3 types, expected 2"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_checksums_that_fit_do_not_make_a_survey(place, caplog, monkeypatch, forgery):
    """Whoever wants harm can write the checksum, too."""
    monkeypatch.setattr(logging.getLogger("deepmd_tf"), "propagate", True)
    change, reason = FORGERIES[forgery]
    systems, weights = opened(place)
    path = place / DEFAULT_NAME
    StoredSurveys(str(path), systems).keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 0.0)
    content = json.loads(path.read_text())
    surveys = change(content["surveys"])
    path.write_text(json.dumps({**content, "surveys": surveys, "checksum": _checksum(surveys)}))
    with pytest.raises(InputError, match=rf"training\.stat_file: .*{reason}.*remove it") as caught:
        StoredSurveys(str(path), systems).find(weights, SETTINGS)
    assert "\n" not in str(caught.value)
    before = path.read_text()
    stored = StoredSurveys(None, systems)
    assert stored.find(weights, SETTINGS) is None
    stored.keep(weights, SETTINGS, survey(systems, 2, 4.0, 1.0), 1.1 * SLOW)
    assert path.read_text() == before
    warnings = {record.getMessage() for record in caplog.records if record.levelno > logging.INFO}
    assert len(warnings) == 1
