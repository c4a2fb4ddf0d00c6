"""The rules of `batch_size`, `numb_btch`, `auto_prob` and `sys_probs`."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from deepmd_tf.data import (
    Sampler,
    batch_counts,
    batch_sizes,
    draws_per_batch,
    feed,
    kept_systems,
    load_system,
    load_systems,
    summary,
    system_probabilities,
    validation_batches,
)
from deepmd_tf.errors import InputError

from .conftest import TYPE_MAP, write_system


@pytest.fixture
def systems(tmp_path):
    """Systems of 3, 10 and 40 atoms with 20, 6 and 4 frames."""
    return [
        load_system(write_system(tmp_path / str(natoms), frames=[nframes], types=[0] * natoms), TYPE_MAP)
        for natoms, nframes in ((3, 20), (10, 6), (40, 4))
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("auto", (11, 4, 1)),
        ("auto:32", (11, 4, 1)),
        ("auto:41", (14, 5, 2)),
        ("auto:1", (1, 1, 1)),
        (3, (3, 3, 3)),
        ([4, 2, 1], (4, 2, 1)),
        ((4, 2, 1), (4, 2, 1)),
        ("mixed:8", (1, 1, 1)),
        ("mixed:auto:80", (1, 1, 1)),
        ("max:32", (10, 3, 1)),
        ("max:1", (1, 1, 1)),
        ("filter:80", (20, 6, 2)),
    ],
)
def test_batch_sizes(systems, rule, expected):
    assert batch_sizes(rule, systems) == expected


def test_a_batch_never_exceeds_its_system(systems, caplog):
    with caplog.at_level(logging.WARNING):
        assert batch_sizes(5, systems) == (5, 5, 4)
    (record,) = caplog.records
    assert systems[2].path in record.getMessage()
    assert "5 frames is larger than the system of 4 frames" in record.getMessage()


@pytest.mark.parametrize(
    ("rule", "expected"), [("mixed:8", 8), ("max:8", 1), ("auto", 1), ("auto:8", 1), (8, 1), ([1, 2, 3], 1)]
)
def test_draws_per_batch(systems, rule, expected):
    assert draws_per_batch(rule, systems) == expected


def test_mixed_batches_by_atoms(systems):
    """20 frames of 3 atoms, 6 of 10 and 4 of 40 have 9.33 atoms on average."""
    assert draws_per_batch("mixed:auto:28", systems) == 3
    assert draws_per_batch("mixed:auto:29", systems) == 4
    assert draws_per_batch("mixed:auto:1", systems) == 1
    assert draws_per_batch("mixed:auto:80", systems, [0, 0, 1]) == 2
    sampler = Sampler(systems, "mixed:auto:100", "prob_uniform", seed=1)
    assert sampler.draws_per_batch == 6
    assert sum(len(frames) for _, frames in sampler.batch_at(0)) == 6


def test_filtered_systems(systems, caplog):
    assert kept_systems("filter:40", systems) == kept_systems("max:2", systems) == systems
    assert kept_systems(3, systems) == kept_systems([1, 2, 3], systems) == systems
    with caplog.at_level(logging.WARNING):
        assert kept_systems("filter:39", systems) == systems[:2]
    assert "'filter:39' omits 1 of 3 systems, and 4 of 30 frames in total" in caplog.text
    with pytest.raises(InputError, match=r"'filter:2' leaves no system; the smallest has 3 atoms"):
        kept_systems("filter:2", systems)


@pytest.fixture(params=["xyz", "mixed"])
def ragged(request, tmp_path):
    """50 frames of 2 atoms and one of 5: 2.06 on average; as XYZ, and padded to 9 atoms."""
    sizes = [2] * 30 + [5] + [2] * 20
    if request.param == "xyz":
        text = "".join(
            f'{n}\npbc="F F F" energy={k}\n' + "".join(f"O {i} 0 0\n" for i in range(n)) for k, n in enumerate(sizes)
        )
        (tmp_path / "frames.xyz").write_text(text)
        return load_systems(tmp_path / "frames.xyz", TYPE_MAP)
    place = write_system(tmp_path / "s", frames=[51], types=[0] * 9, labels=["energy"])
    types = np.full((51, 9), -1)
    for row, size in zip(types, sizes, strict=True):
        row[9 - size :] = 0
    np.save(place / "set.000/real_atom_types.npy", types)
    return load_systems(place, TYPE_MAP)


@pytest.mark.parametrize(
    ("rule", "frames"), [("auto:80", 39), ("auto:4", 2), ("auto:2", 1), ("max:12", 2), ("max:4", 1), ("max:15", 3)]
)
def test_atoms_are_those_of_the_frames(ragged, rule, frames):
    """39 frames are the fewest with 80 atoms on average; 2 and 3 the most that have at most 12 and 15 for sure."""
    assert batch_sizes(rule, ragged) == (frames,)


def test_mixed_batches_have_as_many_atoms_as_asked(ragged):
    sampler = Sampler(ragged, "mixed:auto:80", seed=1)
    assert sampler.draws_per_batch == 39
    (system,) = ragged
    atoms = [sum(system.frame_sizes[frames].sum() for _, frames in sampler.batch_at(step)) for step in range(51)]
    assert np.mean(atoms) == pytest.approx(39 * 105 / 51)  # 39 epochs in all


def test_frames_are_filtered_one_by_one(ragged, caplog):
    assert kept_systems("filter:5", ragged) == ragged
    with caplog.at_level(logging.WARNING):
        (kept,) = kept_systems("filter:4", ragged)
    assert "'filter:4' omits 0 of 1 systems, and 1 of 51 frames in total" in caplog.text
    assert (kept.nframes, kept.size_range, kept.total_atoms) == (50, (2, 2), 100)
    assert batch_sizes("filter:4", [kept]) == (2,)
    others = np.delete(np.arange(51), 30)
    np.testing.assert_array_equal(kept.frame_sizes, np.full(50, 2))
    for chosen in (np.array([29, 30, 49, 0]), np.arange(50)):
        arrays = feed([ragged[0].frames(others[chosen])])
        for name, values in feed([kept.frames(chosen)]).items():
            np.testing.assert_array_equal(values, arrays[name], err_msg=name)
        np.testing.assert_array_equal(kept.compositions(chosen), ragged[0].compositions(others[chosen]))
    with pytest.raises(InputError, match=r"leaves no system; the smallest has 2 atoms"):
        kept_systems("filter:1", ragged)


def test_many_systems_smaller_than_a_batch_are_announced_once(systems, caplog):
    with caplog.at_level(logging.WARNING):
        assert batch_sizes(30, systems) == (20, 6, 4)
    (record,) = caplog.records
    assert record.getMessage().endswith("; 2 more such systems")


def test_a_mixed_batch_beyond_all_frames_is_announced(systems, caplog):
    with caplog.at_level(logging.WARNING):
        assert draws_per_batch("mixed:30", systems) == 30
        assert not caplog.records
        assert draws_per_batch("mixed:31", systems) == 31
    (record,) = caplog.records
    assert "a batch of 31 frames is larger than all systems together, 30 frames" in record.getMessage()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ([1, 2], ["expected 3 integers", "got 2"]),
        ([1, 2, 0], ["positive", "0"]),
        (0, ["positive"]),
        ("mixed:0", ["'mixed:N'", "'mixed:0'"]),
        ("mixed", ["'mixed:N'", "'mixed'"]),
        ("mixed:max:3", ["'mixed:max:3'"]),
        ("max:0", ["'max:N'", "'max:0'"]),
        ("filter", ["'filter:N'", "'filter'"]),
        ("auto:0", ["'auto:0'"]),
        ("auto:-3", ["'auto:-3'"]),
        ("automatic", ["'auto:N'", "'automatic'"]),
    ],
)
def test_bad_batch_sizes(systems, rule, words):
    with pytest.raises(InputError) as caught:
        batch_sizes(rule, systems)
    for word in ("batch_size", *words):
        assert word in str(caught.value)


def test_batch_counts(systems):
    assert batch_counts((3, 6, 4), systems) == (6, 1, 1)


@pytest.mark.parametrize(("rule", "expected"), [(7, 7), ("100%", 30), ("10%", 3), ("34%", 11), ("0.1%", 1)])
def test_validation_batches(systems, rule, expected):
    assert validation_batches(rule, (1, 1, 1), systems) == expected


@pytest.mark.parametrize(("rule", "expected"), [(7, 7), ("100%", 8), ("50%", 4), ("1%", 1)])
def test_validation_batches_of_mixed_frames(systems, rule, expected):
    assert validation_batches(rule, (1, 1, 1), systems, draws=4) == expected


@pytest.mark.parametrize("rule", ["0%", "101%", "many", "ten%", "10"])
def test_bad_validation_batches(systems, rule):
    with pytest.raises(InputError, match="numb_btch"):
        validation_batches(rule, (1, 1, 1), systems)


@pytest.mark.parametrize(
    ("auto_prob", "expected"),
    [
        ("prob_uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("prob_sys_size", [0.1, 0.3, 0.6]),
        ("prob_sys_size;0:2:0.5;2:3:0.5", [0.125, 0.375, 0.5]),
        ("prob_sys_size;0:1:3;1:3:1", [0.75, 0.25 / 3, 0.5 / 3]),
        ("prob_sys_size;1:2:1", [0, 1, 0]),
    ],
)
def test_auto_prob(auto_prob, expected):
    np.testing.assert_allclose(system_probabilities([1, 3, 6], auto_prob), expected, rtol=1e-14)


def test_sys_probs_are_normalized():
    np.testing.assert_allclose(system_probabilities([5, 5], "prob_uniform", [1, 3]), [0.25, 0.75])


@pytest.mark.parametrize(
    ("auto_prob", "sys_probs", "words"),
    [
        ("prob_sys_size;0:4:1", None, ["auto_prob", "'0:4:1'", "3 systems"]),
        ("prob_sys_size;0:2:1;1:3:1", None, ["auto_prob", "'1:3:1'", "overlaps"]),
        ("prob_sys_size;0:3:0", None, ["auto_prob", "positive sum"]),
        ("prob_sys_size;0:3", None, ["auto_prob", "start:end:weight"]),
        ("prob_other", None, ["auto_prob", "'prob_other'"]),
        ("prob_uniform", [1, 2], ["sys_probs", "3 numbers", "got 2"]),
        ("prob_uniform", [0, 0, 0], ["sys_probs", "positive sum"]),
        ("prob_uniform", [1, -1, 1], ["sys_probs", "not negative"]),
    ],
)
def test_bad_probabilities(auto_prob, sys_probs, words):
    with pytest.raises(InputError) as caught:
        system_probabilities([1, 3, 6], auto_prob, sys_probs)
    for word in words:
        assert word in str(caught.value)


def test_summary(systems):
    rows = summary(systems, (3, 6, 4), (0.5, 0.25, 0.25))
    assert [row.path for row in rows] == [system.path for system in systems]
    first = rows[0]
    assert (first.natoms, first.nframes, first.batch_size, first.nbatches) == (3, 20, 3, 6)
    assert (first.probability, first.periodic, first.labels) == (0.5, True, ("energy", "force", "virial"))
