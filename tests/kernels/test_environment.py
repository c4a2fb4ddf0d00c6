import numpy as np
import pytest

from deepmd_tf.errors import InputError

from . import oracle
from .device import cpu, kernels

pytestmark = pytest.mark.usefixtures("on_device")

RCUT, RCUT_SMTH = 6.0, 0.5


@pytest.fixture
def edge_vec(rng) -> np.ndarray:
    """Edges of every length from far below rcut_smth to beyond rcut, in all directions."""
    direction = rng.normal(size=(400, 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True) * np.linspace(0.05, 6.5, 400)[:, None]


@pytest.mark.parametrize(("rcut", "rcut_smth"), [(6.0, 0.5), (6.0, 5.8), (4.0, 0.0)])
def test_equals_definition(edge_vec, rcut, rcut_smth):
    rows, _ = kernels.environment_rows(edge_vec, rcut, rcut_smth)
    np.testing.assert_allclose(rows, oracle.rows(edge_vec, rcut, rcut_smth), rtol=1e-11, atol=1e-13)


def test_derivative_is_the_limit_of_differences(edge_vec):
    step = 1e-5
    _, derivative = kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH)
    for b in range(3):
        moved = step * np.eye(3)[b]
        high, _ = kernels.environment_rows(edge_vec + moved, RCUT, RCUT_SMTH)
        low, _ = kernels.environment_rows(edge_vec - moved, RCUT, RCUT_SMTH)
        scale = np.maximum(1.0, np.linalg.norm(edge_vec, axis=1) ** -3.0)[:, None]
        np.testing.assert_allclose(derivative[:, :, b] / scale, (high - low) / (2 * step) / scale, rtol=0, atol=2e-7)


@pytest.mark.parametrize("where", [RCUT_SMTH, RCUT])
def test_value_and_two_derivatives_are_continuous(where):
    step = 1e-4
    radius = where + step * np.array([-2.0, -1.0, -1e-9, 1e-9, 1.0, 2.0])
    edge_vec = radius[:, None] * np.array([[2.0, -1.0, 2.0]]) / 3
    rows, derivative = kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH)
    assert np.abs(np.diff(rows[2:4], axis=0)).max() < 1e-11
    assert np.abs(np.diff(derivative[2:4], axis=0)).max() < 1e-11
    left = (derivative[1] - derivative[0]) / step
    right = (derivative[5] - derivative[4]) / step
    # The third derivative may jump: the slopes then differ by its jump times a few steps.
    assert np.abs(left - right).max() < 1e4 * step * max(1.0, where**-4) * 1e-1


def test_nothing_beyond_the_cutoff():
    rows, derivative = kernels.environment_rows(np.array([[RCUT, 0, 0], [0, RCUT + 1, 0]]), RCUT, RCUT_SMTH)
    assert not rows.any() and not derivative.any()


def test_rotation(edge_vec, rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rows, derivative = kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH)
    turned, turned_derivative = kernels.environment_rows(edge_vec @ turn, RCUT, RCUT_SMTH)
    np.testing.assert_allclose(turned[:, 0], rows[:, 0], atol=1e-12)
    np.testing.assert_allclose(turned[:, 1:], rows[:, 1:] @ turn, atol=1e-12)
    np.testing.assert_allclose(turned_derivative[:, 0], derivative[:, 0] @ turn, atol=1e-10)


def test_no_edges():
    rows, derivative = kernels.environment_rows(np.zeros((0, 3)), RCUT, RCUT_SMTH)
    assert rows.shape == (0, 4) and derivative.shape == (0, 4, 3)


def test_devices_agree(edge_vec, monkeypatch):
    """Every device gives what the processor gives, and in every run the same."""
    got, again = (kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH) for _ in range(2))
    monkeypatch.setattr(kernels, "module", cpu)
    for one, other, expected in zip(got, again, kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH), strict=True):
        np.testing.assert_array_equal(other, one)
        # An element that is a difference of large ones is as accurate as they are.
        scale = np.abs(expected).reshape(len(edge_vec), -1).max(axis=1).reshape(-1, *[1] * (expected.ndim - 1))
        assert (np.abs(one - expected) <= 1e-12 * scale).all()


def test_same_for_any_number_of_threads(edge_vec):
    for got, expected in zip(
        kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH, threads=3),
        kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("bad", [[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0], [0.0, np.inf, 0.0]])
def test_unusable_edge_is_named(bad, on_device):
    """A GPU does not stop to look: what belongs to the edge is NaN, and nothing else."""
    edge_vec = np.ones((10, 3))
    edge_vec[7] = bad
    edge_vec[9] = bad
    if on_device != "cpu":
        for numbers in kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH):
            assert np.isnan(numbers[[7, 9]]).all()
            assert np.isfinite(numbers[[0, 1, 2, 3, 4, 5, 6, 8]]).all()
        return
    for threads in (1, 4):
        with pytest.raises(InputError, match="edge 7: expected a finite length above zero"):
            kernels.environment_rows(edge_vec, RCUT, RCUT_SMTH, threads)


@pytest.mark.parametrize(("rcut", "rcut_smth"), [(6.0, 6.0), (6.0, 7.0), (6.0, -0.1), (np.nan, 1.0), (6.0, np.nan)])
def test_unusable_cutoff(rcut, rcut_smth):
    with pytest.raises(InputError, match="expected 0 <= rcut_smth < rcut"):
        kernels.environment_rows(np.ones((1, 3)), rcut, rcut_smth)
