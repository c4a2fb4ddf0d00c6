"""Normalization of environment rows, against a brute-force mean over every slot of every center."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.statistics import EnvironmentStatistics, Survey, survey

from .. import reference
from ..systems import save_system

RCUT, RCUT_SMTH = 3.0, 1.0
SEL = (8, 9, 2)


@pytest.fixture
def systems(tmp_path):
    """A periodic and an open system of different size; type 2 only in the second."""
    rng = np.random.default_rng(0)
    cells = np.array([[4.0, 0, 0], [0.7, 4.2, 0], [-0.5, 0.3, 3.8]]) * rng.uniform(0.9, 1.1, (3, 1, 1))
    first = save_system(tmp_path / "first", [1, 0, 1, 0], rng.uniform(0, 4, (3, 4, 3)), cells)
    second = save_system(tmp_path / "second", [0, 2, 1, 0, 0], rng.uniform(0, 3, (2, 5, 3)))
    return [first, second]


def all_slots(systems, weights=None, excluded=()):
    """Environment rows ``[slots, 4]`` of every slot, empty ones zero, by type of the center."""
    pairs = {frozenset(pair) for pair in excluded}
    rows: list[list[np.ndarray]] = [[], [], []]
    for number, system in enumerate(systems):
        batch = system.frames()
        for frame in range(system.nframes):
            cell = None if batch.box is None else batch.box[frame]
            for i, found in enumerate(reference.neighbors(batch.coord[frame], cell, RCUT)):
                slots = np.zeros((sum(SEL), 4))
                for slot, (j, vector) in enumerate(found):
                    if frozenset((system.type[i], system.type[j])) not in pairs:
                        slots[slot] = reference.environment_row(vector, RCUT, RCUT_SMTH)
                rows[system.type[i]] += [slots] * int(1 if weights is None else weights[number][frame])
    return [np.concatenate(of_type) if of_type else np.zeros((0, 4)) for of_type in rows]


def look(systems, **options) -> Survey:
    return survey(systems, 3, RCUT, RCUT_SMTH, **options)


def assert_matches(found: EnvironmentStatistics, rows):
    for kind, of_type in enumerate(rows):
        assert found.avg[kind] == pytest.approx(of_type[:, 0].mean(), rel=1e-12)
        assert found.std_radial[kind] == pytest.approx(max(1e-2, of_type[:, 0].std()), rel=1e-12)
        assert found.std_angular[kind] == pytest.approx(max(1e-2, of_type[:, 1:].std()), rel=1e-12)


def test_mean_and_deviation_over_all_slots(systems):
    assert_matches(look(systems).environment(sum(SEL), RCUT), all_slots(systems))


def test_excluded_pairs_are_zero(systems):
    excluded = [(0, 1), (2, 2)]
    found = look(systems, exclude_types=excluded).environment(sum(SEL), RCUT)
    assert_matches(found, all_slots(systems, excluded=excluded))


def test_excluded_pairs_still_need_slots(systems):
    everything, excluded = look(systems), look(systems, exclude_types=[(0, 1), (1, 1)])
    np.testing.assert_array_equal(excluded.neighbors.max_neighbors, everything.neighbors.max_neighbors)


def test_weighted_frames(systems):
    weights = [np.array([2.0, 0.0, 1.0]), np.array([3.0, 1.0])]
    assert_matches(look(systems, weights=weights).environment(sum(SEL), RCUT), all_slots(systems, weights))


def test_type_without_data(systems):
    found = look(systems[:1]).environment(sum(SEL), RCUT)
    assert (found.avg[2], found.std_radial[2], found.std_angular[2]) == (0.0, 1 / RCUT, 1 / RCUT)


def test_average_may_be_left_out(systems):
    seen = look(systems)
    with_mean, without = seen.environment(9, RCUT), seen.environment(9, RCUT, set_avg_zero=True)
    np.testing.assert_array_equal(without.avg, np.zeros(3))
    np.testing.assert_array_equal(without.std_radial, with_mean.std_radial)


def test_deviations_have_a_floor(tmp_path):
    """An atom alone has rows of zeros; a given floor replaces the usual one."""
    lonely = save_system(tmp_path / "lonely", [0], np.zeros((1, 1, 3)))
    found = look([lonely]).environment(sum(SEL), RCUT)
    assert (found.avg[0], found.std_radial[0], found.std_angular[0]) == (0.0, 1e-2, 1e-2)
    assert look([lonely]).environment(sum(SEL), RCUT, floor=0.5).std_radial[0] == 0.5


def test_tables_repeat_over_slots():
    statistics = EnvironmentStatistics(np.array([0.1, 0.2]), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    avg, std = statistics.tables(3)
    np.testing.assert_array_equal(avg, [[0.1, 0, 0, 0] * 3, [0.2, 0, 0, 0] * 3])
    np.testing.assert_array_equal(std, [[1, 3, 3, 3] * 3, [2, 4, 4, 4] * 3])


def test_neighbor_counts_and_shortest_distance(systems):
    most, shortest = np.zeros(3, int), np.inf
    for system in systems:
        batch = system.frames()
        for frame in range(system.nframes):
            cell = None if batch.box is None else batch.box[frame]
            for found in reference.neighbors(batch.coord[frame], cell, RCUT):
                most = np.maximum(most, np.bincount([system.type[j] for j, _ in found], minlength=3))
                shortest = min([shortest, *(np.linalg.norm(vector) for _, vector in found)])
    neighbors = look(systems).neighbors
    np.testing.assert_array_equal(neighbors.max_neighbors, most)
    assert neighbors.min_distance == pytest.approx(shortest, rel=1e-14)


def test_no_neighbors_at_all(tmp_path):
    lonely = save_system(tmp_path / "lonely", [0], np.zeros((2, 1, 3)))
    neighbors = look([lonely]).neighbors
    assert neighbors.min_distance == np.inf and not neighbors.max_neighbors.any()


def test_surveys_merge(systems):
    merged, whole = look(systems[:1]) + look(systems[1:]), look(systems)
    np.testing.assert_array_equal(merged.centers, whole.centers)
    np.testing.assert_allclose(merged.sums, whole.sums, rtol=1e-14)
    assert merged.neighbors.min_distance == whole.neighbors.min_distance


def test_progress_counts_every_frame(systems):
    done = []
    look(systems, progress=done.append)
    assert sum(done) == 5


def test_result_does_not_depend_on_threads(monkeypatch, systems):
    whole = look(systems)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    np.testing.assert_array_equal(look(systems).sums, whole.sums)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("gap", [0.0, 1e-8])
def test_coinciding_atoms_are_named(tmp_path, periodic, gap):
    coord = np.random.default_rng(1).uniform(0, 5, (3, 4, 3))
    coord[2, 2] = coord[2, 1] + [0, gap, 0]
    cells = np.tile(6 * np.eye(3), (3, 1, 1)) if periodic else None
    bad = save_system(tmp_path / "bad", [0, 1, 1, 0], coord, cells)
    with pytest.raises(InputError, match=r"bad: frame 2: atoms (1 and 2|2 and 1) coincide \(distance .* Å\)"):
        look([bad])
