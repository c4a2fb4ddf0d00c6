"""Errors of `dp test` compared with NumPy, and the plots."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.data.rows import Rows
from deepmd_tf.errors import InputError
from deepmd_tf.infer.comparison import Error, compare, pool_errors
from deepmd_tf.infer.plots import lcurve_plot, parity_plot, save_figure

from ..models import potential
from ..systems import save_system

TYPE_MAP = ("O", "H")


@pytest.fixture
def systems(tmp_path):
    """Return a periodic system with all labels, and an open system of another size without virials."""
    rng = np.random.default_rng(0)
    cells = np.diag([5.0, 5.5, 6.0]) * rng.uniform(0.95, 1.05, (3, 1, 1))
    first = save_system(
        tmp_path / "first",
        [1, 0, 1],
        rng.uniform(0, 5, (3, 3, 3)),
        cells,
        type_map=TYPE_MAP,
        energy=rng.normal(size=3),
        force=rng.normal(size=(3, 9)),
        virial=rng.normal(size=(3, 9)),
    )
    second = save_system(
        tmp_path / "second",
        [0, 1],
        rng.uniform(0, 3, (4, 2, 3)),
        type_map=TYPE_MAP,
        energy=rng.normal(size=4),
        force=rng.normal(size=(4, 6)),
    )
    return [first, second]


def differences(system, nframes=None):
    """Return label minus prediction of each quantity, flattened."""
    batch = system.frames(slice(0, nframes))
    energy, force, virial = potential("two_sides").eval(batch.coord, batch.box, batch.type[0])
    found = {"energy": batch.energy - energy[:, 0], "force": (batch.force - force).ravel()}
    found["energy_per_atom"] = found["energy"] / system.natoms
    if batch.virial is not None:
        found["virial"] = (batch.virial - virial).ravel()
        found["virial_per_atom"] = found["virial"] / system.natoms
    return found


def assert_errors(errors, expected):
    assert set(errors) == set(expected)
    for name, difference in expected.items():
        assert errors[name].count == difference.size
        assert errors[name].mae == pytest.approx(np.abs(difference).mean(), rel=1e-12)
        assert errors[name].rmse == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-12)


def test_errors_of_each_system(systems):
    for comparison, system in zip(compare(potential("two_sides"), systems), systems, strict=True):
        assert comparison.path == system.path
        assert comparison.natoms.tolist() == [system.natoms] * system.nframes
        assert_errors(comparison.errors(), differences(system))


def test_pooled_errors_weigh_by_components(systems):
    first, second = (differences(system) for system in systems)
    expected = {name: np.concatenate([first[name], second.get(name, np.zeros(0))]) for name in first}
    assert_errors(pool_errors(compare(potential("two_sides"), systems)), expected)


@pytest.mark.parametrize("most", [1, 6, 9])
def test_frames_are_read_and_evaluated_in_parts(systems, monkeypatch, most):
    """Results are the same to rounding. A part has at most the allowed number of atoms, or one frame."""
    whole = compare(potential("two_sides"), systems)
    monkeypatch.setattr("deepmd_tf.data.system.ATOMS_AT_ONCE", most)
    taken, frames = [], Rows.take
    monkeypatch.setattr(Rows, "take", lambda self, indices: taken.append(len(indices)) or frames(self, indices))
    for one, other in zip(compare(potential("two_sides"), systems), whole, strict=True):
        assert max(taken) * 2 <= max(most, 2)  # the smaller system's
        for name in other.data:
            np.testing.assert_array_equal(one.data[name], other.data[name])
            np.testing.assert_allclose(one.predicted[name], other.predicted[name], rtol=1e-13, atol=1e-13)


def test_frames_that_cannot_be_evaluated_are_named(systems, tmp_path, monkeypatch):
    monkeypatch.setattr("deepmd_tf.data.system.ATOMS_AT_ONCE", 4)
    coord = np.zeros((4, 2, 3))
    coord[:3, 1] = 1.0
    bad = save_system(tmp_path / "bad", [0, 1], coord, type_map=TYPE_MAP, energy=np.zeros(4))
    with pytest.raises(InputError, match=r"bad: coords: frame 3: atoms 0 and 1 are at the same position"):
        compare(potential("two_sides"), [bad])


@pytest.mark.parametrize("nframes", [1, 2, 100])
def test_first_frames(systems, nframes):
    (comparison,) = compare(potential("two_sides"), systems[:1], nframes)
    assert comparison.nframes == min(nframes, 3)
    assert_errors(comparison.errors(), differences(systems[0], nframes))


def test_pairs(systems):
    comparison, _ = compare(potential("two_sides"), systems)
    labeled, predicted = comparison.pair("virial_per_atom")
    np.testing.assert_allclose(labeled, systems[0].frames().virial / 3, rtol=1e-15)
    assert predicted.shape == (3, 9)


def test_parameters_are_passed_on(tmp_path):
    rng, coord = np.random.default_rng(2), np.random.default_rng(3).uniform(0, 4, (2, 3, 3))
    fparam, aparam = rng.normal(size=(2, 1)), rng.normal(size=(2, 6))
    labels = {"energy": np.zeros(2), "fparam": fparam, "aparam": aparam}
    system = save_system(tmp_path / "s", [0, 1, 1], coord, type_map=TYPE_MAP, **labels)
    (comparison,) = compare(potential("fparam_aparam"), [system])
    expected = potential("fparam_aparam").eval(coord, None, [0, 1, 1], fparam, aparam)[0]
    np.testing.assert_allclose(comparison.predicted["energy"], expected, rtol=0, atol=1e-13)
    # A model without parameters ignores them.
    compare(potential("two_sides"), [system])


def test_nothing_to_compare_with(tmp_path):
    system = save_system(tmp_path / "bare", [0], np.zeros((1, 1, 3)), type_map=TYPE_MAP)
    with pytest.raises(InputError, match=r"bare: no energy\.npy, force\.npy or virial\.npy to compare with"):
        compare(potential("two_sides"), [system])


def test_errors_add():
    whole, part = np.array([1.0, -2.0, 3.0]), np.array([4.0])
    both = Error.from_differences(whole) + Error.from_differences(part)
    assert both == Error.from_differences(np.concatenate([whole, part]))
    assert both.mae == 2.5 and both.rmse == pytest.approx(np.sqrt(7.5))


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_parity_plot(tmp_path, systems, ending):
    figure = parity_plot(compare(potential("two_sides"), systems))
    assert len(figure.axes) == 3
    save_figure(figure, tmp_path / f"parity.{ending}")
    assert (tmp_path / f"parity.{ending}").stat().st_size > 1000


def test_lcurve_plot(tmp_path):
    step = np.arange(5)
    curve = {"step": step, "rmse_e_trn": 1.0 / (1 + step), "rmse_f_trn": 2.0 / (1 + step), "rmse_f_val": 3.0 + step}
    assert len(lcurve_plot({"a": curve}).axes) == 2
    figure = lcurve_plot({"a": curve, "b": curve})
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == [
        f"{name}, {part}" for name in "ab" for part in ("validation", "training")
    ]
    with pytest.raises(InputError, match="no learning curve has a column rmse_e_"):
        lcurve_plot({"a": {"step": step}})


@pytest.mark.parametrize("name", ["absent/plot.png", "plot.docx"])
def test_plots_that_cannot_be_written(tmp_path, name):
    figure = lcurve_plot({"a": {"step": np.arange(2), "rmse_e_trn": np.ones(2)}})
    with pytest.raises(InputError, match="cannot write"):
        save_figure(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())
