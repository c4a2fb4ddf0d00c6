"""Energy per type and the scales of parameters, against NumPy and known answers."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.config import EnergyFittingConfig
from deepmd_tf.statistics import FittingStatistics, ModelStatistics, fitting_statistics
from deepmd_tf.statistics.fitting import energy_bias

from ..models import model_config
from ..systems import save_system

ENERGIES = np.array([-10.0, -2.5, -7.0])
COMPOSITIONS = np.array([[2.0, 4, 0], [1, 0, 3], [5, 5, 1], [0, 2, 2]])


def test_full_rank_is_recovered():
    bias = energy_bias(COMPOSITIONS @ ENERGIES, COMPOSITIONS, rcond=None)
    np.testing.assert_allclose(bias, ENERGIES, rtol=1e-13)


def test_noise_is_fitted_by_least_squares():
    energies = COMPOSITIONS @ ENERGIES + np.array([0.1, -0.2, 0.3, 0.05])
    expected = np.linalg.solve(COMPOSITIONS.T @ COMPOSITIONS, COMPOSITIONS.T @ energies)
    np.testing.assert_allclose(energy_bias(energies, COMPOSITIONS, rcond=None), expected, rtol=1e-12)


def test_one_composition_gives_the_solution_of_least_norm():
    """Water: every frame has twice as many hydrogens as oxygens."""
    composition = np.tile([1.0, 2.0], (4, 1))
    bias = energy_bias(np.full(4, -15.0), composition, rcond=None)
    np.testing.assert_allclose(bias, [-3.0, -6.0], rtol=1e-13)


def test_type_never_seen_has_none():
    compositions = COMPOSITIONS.copy()
    compositions[:, 1] = 0
    bias = energy_bias(compositions @ ENERGIES, compositions, rcond=None)
    np.testing.assert_allclose(bias, [-10.0, 0.0, -7.0], rtol=1e-12, atol=1e-12)


def test_assigned_energies_are_kept_and_the_rest_fitted():
    energies = COMPOSITIONS @ ENERGIES
    bias = energy_bias(energies, COMPOSITIONS, rcond=None, assigned=[-9.0, None, None])
    expected = np.linalg.lstsq(COMPOSITIONS[:, 1:], energies + 9.0 * COMPOSITIONS[:, 0], rcond=None)[0]
    np.testing.assert_allclose(bias, [-9.0, *expected], rtol=1e-12)
    np.testing.assert_array_equal(
        energy_bias(energies, COMPOSITIONS, rcond=None, assigned=[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]
    )
    np.testing.assert_allclose(
        energy_bias(energies, COMPOSITIONS, rcond=None, assigned=[None] * 3), ENERGIES, rtol=1e-12
    )


def test_rcond_drops_directions_that_are_hardly_determined():
    compositions = np.array([[100.0, 200.0], [100.0, 200.0001]])
    energies = np.array([-500.0, -400.0])
    assert np.abs(energy_bias(energies, compositions, rcond=None)).max() > 1e4
    np.testing.assert_allclose(energy_bias(energies, compositions, rcond=1e-3), [-0.9, -1.8], rtol=1e-5)


@pytest.fixture
def systems(tmp_path):
    rng = np.random.default_rng(3)

    def system(name, types, nframes, **labels):
        coord = rng.uniform(0, 5, (nframes, len(types), 3))
        parameters = {"fparam": rng.normal(2, 3, (nframes, 2)), "aparam": rng.normal(5, 1, (nframes, len(types)))}
        return save_system(tmp_path / name, types, coord, **parameters, **labels)

    return [
        system("a", [0, 0, 1], 3, energy=[-1.0, -1.5, -2.0]),
        system("b", [1, 2, 1, 2], 2, energy=[4.0, 6.0]),
        system("c", [1, 1], 2),
    ]


def test_systems(systems):
    """A system without energies takes no part; parameters of all systems count."""
    config = EnergyFittingConfig(numb_fparam=2, numb_aparam=1)
    found = fitting_statistics(systems, config, 3)
    expected = energy_bias(
        np.array([-1.0, -1.5, -2.0, 4.0, 6.0]),
        np.array([[2.0, 1, 0]] * 3 + [[0.0, 2, 2]] * 2),
        rcond=None,
    )
    np.testing.assert_allclose(found.energy_bias, expected, rtol=1e-12)
    for name, width in (("fparam", 2), ("aparam", 1)):
        values = np.concatenate([getattr(system.frames(), name).reshape(-1, width) for system in systems])
        mean, std = getattr(found, name)
        np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(std, values.std(axis=0), rtol=1e-12)


def test_parameters_not_used_have_no_scale(systems):
    found = fitting_statistics(systems, EnergyFittingConfig(numb_fparam=2), 3)
    assert found.aparam is None and found.fparam is not None


def test_weights_repeat_frames(systems):
    config = EnergyFittingConfig(numb_fparam=2)
    found = fitting_statistics(systems[:1], config, 3, weights=[np.array([2.0, 0, 1])])
    expected = energy_bias(np.array([-1.0, -1.0, -2.0]), np.tile([2.0, 1, 0], (3, 1)), rcond=None)
    np.testing.assert_allclose(found.energy_bias, expected, rtol=1e-12)
    np.testing.assert_allclose(found.fparam[0], systems[0].frames().fparam[[0, 0, 2]].mean(axis=0), rtol=1e-12)


def test_constant_parameter_has_the_floor(tmp_path):
    system = save_system(tmp_path / "s", [0], np.zeros((3, 1, 3)), energy=np.ones(3), fparam=np.full((3, 1), 4.0))
    config = EnergyFittingConfig(numb_fparam=1)
    mean, std = fitting_statistics([system], config, 1, floor=0.25).fparam
    assert (mean[0], std[0]) == (4.0, 0.25)


@pytest.mark.parametrize(
    "assigned, expected", [((), [0.0, 0.0, 0.0]), ((-1.0, None, 2.0), [-1.0, 0.0, 2.0])], ids=["none", "some"]
)
def test_no_energies_at_all(systems, assigned, expected):
    found = fitting_statistics(systems[2:], EnergyFittingConfig(atom_ener=assigned), 3)
    np.testing.assert_array_equal(found.energy_bias, expected)


def test_blank_statistics_have_the_shapes_of_the_model():
    config = model_config({"fitting_net": {"numb_fparam": 2, "numb_aparam": 3}}).model
    blank = ModelStatistics.blank(config)
    assert blank.environment[0].avg.shape == blank.fitting.energy_bias.shape == (2,)
    assert [part.shape for part in (*blank.fitting.fparam, *blank.fitting.aparam)] == [(2,), (2,), (3,), (3,)]
    assert FittingStatistics.blank(2).fparam is None
