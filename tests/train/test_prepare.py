"""From configuration and data to statistics: sel, data_stat_nbatch, labels, outputs, seeds."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.config import parse_config
from deepmd_tf.errors import InputError
from deepmd_tf.statistics import NeighborStatistics, fitting_statistics, survey
from deepmd_tf.train.data import load_data
from deepmd_tf.train.measure import measure
from deepmd_tf.train.outputs import check_outputs
from deepmd_tf.train.run import with_seed
from deepmd_tf.train.sel import suggested_sel

from ..runs import INPUT, changed, write_data, write_system


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


def config_of(**changes):
    return parse_config(changed(INPUT, {key.replace("__", "."): value for key, value in changes.items()}))


def measured(config, skip=False):
    """Configuration, statistics and facts."""
    result = measure(config, load_data(config).training, skip_neighbor_stat=skip)
    return result.config, result.statistics, result.facts


@pytest.mark.parametrize(
    ("counts", "expected"), [([46, 92], (52, 104)), ([0, 1], (4, 4)), ([40], (44,)), ([41], (48,))]
)
def test_suggested_sel_has_a_tenth_to_spare_in_fours(counts, expected):
    assert suggested_sel(NeighborStatistics(np.array(counts), 1.0)) == expected


def test_auto_sel_is_measured(place):
    config, statistics, facts = measured(config_of(model__descriptor__sel="auto"))
    systems = load_data(config).training.systems
    seen = survey(systems, 2, 4.0, 1.0)
    assert config.model.descriptor.sel == suggested_sel(seen.neighbors)
    assert facts == {"min_nbor_dist": seen.neighbors.min_distance}
    np.testing.assert_array_equal(
        statistics.environment[0].avg, seen.environment(sum(config.model.descriptor.sel), 4.0).avg
    )


def test_auto_sel_with_a_factor(place):
    wide = measured(config_of(model__descriptor__sel="auto:3.0"))[0].model.descriptor.sel
    tight = measured(config_of(model__descriptor__sel="auto:1.0"))[0].model.descriptor.sel
    assert all(a > b for a, b in zip(wide, tight, strict=True))


def test_sel_too_small_is_reported_with_the_sel_that_would_do(place, logged):
    config = config_of(model__descriptor__sel=[1, 6])
    measured(config)
    needed = survey(load_data(config).training.systems, 2, 4.0, 1.0).neighbors.max_neighbors
    text = next(message for message in logged if "sel is smaller" in message)
    assert f"O: {needed[0]} neighbors, sel 1" in text
    assert f"use sel [{needed[0]}, 6]" in text


def test_sel_that_fits_is_not_reported(place, logged):
    measured(config_of())
    assert not [message for message in logged if "sel" in message]


def test_skipping_the_neighbor_statistics_looks_only_at_the_frames_of_the_statistics(place, logged):
    """The frame that needs more slots is the last one, which one batch of one frame does not reach."""
    coord = np.load(place / "data_0/set.000/coord.npy")
    coord[:-1] = np.arange(4)[None, :, None].repeat(3, axis=2).reshape(1, -1) * 3.4
    np.save(place / "data_0/set.000/coord.npy", coord)
    keys = {"model__descriptor__sel": [1, 1], "model__data_stat_nbatch": 1, "training__training_data__batch_size": 1}
    config = config_of(**keys, training__training_data__systems=["data_0"])
    measured(config, skip=True)
    assert not [message for message in logged if "sel is smaller" in message]
    measured(config, skip=False)
    assert [message for message in logged if "sel is smaller" in message]


def test_data_stat_nbatch_limits_the_frames_of_the_statistics(place):
    """One batch of two frames from each system."""
    config, statistics, _ = measured(config_of(model__data_stat_nbatch=1))
    systems = load_data(config).training.systems
    weights = [np.array([1, 1, 0, 0]), np.array([1, 1, 0])]
    expected = survey(systems, 2, 4.0, 1.0, weights=weights).environment(12, 4.0)
    np.testing.assert_array_equal(statistics.environment[0].std_radial, expected.std_radial)
    bias = fitting_statistics(systems, config.model.fitting_net, 2, weights=weights).energy_bias
    np.testing.assert_array_equal(statistics.fitting.energy_bias, bias)
    everything = measured(config_of())[1]
    assert (everything.environment[0].std_radial != expected.std_radial).all()


def test_a_batch_of_mixed_frames_counts_as_one_of_that_many_of_each_system(place):
    mixed = measured(config_of(model__data_stat_nbatch=1, training__training_data__batch_size="mixed:2"))[1]
    alike = measured(config_of(model__data_stat_nbatch=1))[1]
    np.testing.assert_array_equal(mixed.environment[0].avg, alike.environment[0].avg)


def test_many_batches_go_round_a_small_system_again(place):
    """Four batches of two frames: each of four frames twice, of three frames two thrice and one twice."""
    statistics = measured(config_of(model__data_stat_nbatch=4))[1]
    systems = load_data(config_of()).training.systems
    weights = [np.array([2, 2, 2, 2]), np.array([3, 3, 2])]
    expected = survey(systems, 2, 4.0, 1.0, weights=weights).environment(12, 4.0)
    np.testing.assert_allclose(statistics.environment[0].avg, expected.avg, rtol=1e-14)


def test_the_second_run_takes_the_statistics_of_the_first(place, monkeypatch):
    config = config_of(training__stat_file="statistics.json", model__data_stat_nbatch=1)
    first = measured(config)
    monkeypatch.setattr("deepmd_tf.train.measure.survey", None)
    second = measured(config)
    assert first[2] == second[2]
    for one, other in zip(first[1].environment, second[1].environment, strict=True):
        np.testing.assert_array_equal(one.avg, other.avg)
        np.testing.assert_array_equal(one.std_angular, other.std_angular)


def test_labels_that_some_systems_lack_are_announced(place, logged):
    (place / "data_1/set.000/force.npy").unlink()
    load_data(config_of())
    assert [message for message in logged if "training_data: 1 of 2 systems have no force.npy" in message]


def test_virials_that_the_loss_does_not_ask_for_are_not_missed(place, logged):
    (place / "data_1/set.000/virial.npy").unlink()
    load_data(config_of())
    assert not [message for message in logged if "virial" in message]


def test_no_label_that_the_loss_asks_for(place):
    write_system(place / "bare", labels=("virial",))
    with pytest.raises(InputError, match=r"training\.training_data: the loss needs energy\.npy, force\.npy"):
        load_data(config_of(training__training_data__systems=["bare"]))


def test_a_seed_that_is_given_stays():
    assert with_seed(config_of(), 5).training.seed == 10


def test_without_a_seed_a_restart_takes_that_of_the_checkpoint():
    assert with_seed(config_of(training__seed=None), 5).training.seed == 5


def test_without_a_seed_each_run_draws_its_own_and_says_so(logged):
    seeds = {with_seed(config_of(training__seed=None)).training.seed for _ in range(3)}
    assert len(seeds) == 3
    assert len([message for message in logged if "training.seed: not given" in message]) == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("disp_file", "missing/lcurve.out"),
        ("disp_file", "data_0"),
        ("save_ckpt", "input.json/model.ckpt"),
        ("tensorboard_log_dir", "input.json"),
    ],
)
def test_outputs_are_tried_before_the_run(place, key, value):
    (place / "input.json").touch()
    before = sorted(path.name for path in place.iterdir())
    with pytest.raises(InputError, match=rf"training\.{key}: cannot write"):
        check_outputs(config_of(training__tensorboard=True, **{f"training__{key}": value}))
    assert sorted(path.name for path in place.iterdir() if path.name != "log") == before


def test_trying_outputs_changes_nothing(place):
    (place / "lcurve.out").write_text("kept")
    before = sorted(place.iterdir())
    check_outputs(config_of())
    assert sorted(place.iterdir()) == before
    assert (place / "lcurve.out").read_text() == "kept"


def test_validation_data_need_a_label_too(place):
    write_system(place / "bare", labels=())
    with pytest.raises(InputError, match=r"training\.validation_data: the loss needs energy\.npy, force\.npy"):
        load_data(config_of(training__validation_data__systems=["bare"]))
