"""The activation functions of the kernels, in value and derivative."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepmd_tf.errors import InputError

from .device import cpu, kernels

pytestmark = pytest.mark.usefixtures("on_device")


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.longdouble(math.pi)) * (x + 0.044715 * x**3)))


FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "softplus": softplus,
    "sigmoid": sigmoid,
    "gelu": gelu,
    "gelu_tf": gelu,
    "silu": lambda x: x * sigmoid(x),
    "linear": lambda x: x,
    "none": lambda x: x,
}


@pytest.mark.parametrize(("dtype", "largest"), [(np.float64, 4), (np.float32, 5)])
def test_tanh_is_accurate_to_a_few_ulp(dtype, largest, rng):
    x = np.concatenate([np.linspace(-20, 20, 200_001), rng.normal(size=100_000), 10.0 ** np.linspace(-300, 1, 3001)])
    x = x.astype(dtype)
    x = x[np.abs(x) >= np.finfo(dtype).tiny]
    value, _ = kernels.activate("tanh", x)
    exact = np.tanh(x.astype(np.longdouble))
    ulp = np.abs(value - exact) / np.spacing(np.abs(exact.astype(dtype)))
    assert ulp.max() <= largest


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-15), (np.float32, 2e-6)])
def test_values_and_derivatives(name, dtype, tolerance, rng):
    x = np.concatenate([np.linspace(-25, 25, 1001), rng.normal(size=1000), [-800, 0, 800]]).astype(dtype)
    value, slope = kernels.activate(name, x)
    wide = x.astype(np.longdouble)
    rounding = tolerance * np.maximum(np.abs(x), 1)  # of x phi(x), where phi comes near 0 or 1
    assert (np.abs(value - FUNCTIONS[name](wide)) <= rounding).all()
    smooth = (x != 0) & (x != 6)
    step = np.longdouble(1e-6)
    derivative = (FUNCTIONS[name](wide + step) - FUNCTIONS[name](wide - step)) / (2 * step)
    assert (np.abs(slope - derivative) <= 1e-9 + 10 * rounding)[smooth].all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_result_does_not_depend_on_the_place(dtype, rng):
    x = rng.normal(size=200).astype(dtype)
    for name in FUNCTIONS:
        value, slope = kernels.activate(name, x)
        for k in (0, 63, 64, 131, 199):
            one = kernels.activate(name, x[k : k + 1])
            assert (one[0][0], one[1][0]) == (value[k], slope[k])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_devices_agree(dtype, rng, monkeypatch):
    """Every device gives what the processor gives, and in every run the same."""
    x = np.concatenate([rng.normal(scale=4, size=1000), [-800, -6, 0, 6, 800]]).astype(dtype)
    for name in FUNCTIONS:
        monkeypatch.undo()
        got, again = kernels.activate(name, x), kernels.activate(name, x)
        np.testing.assert_array_equal(again, got)
        monkeypatch.setattr(kernels, "module", cpu)
        # Relative to x, as in values and derivatives near which x phi(x) is 0 or 1.
        error = np.abs(np.subtract(got, kernels.activate(name, x)))
        assert (error <= 8 * np.finfo(dtype).eps * np.maximum(np.abs(x), 1)).all(), name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nan_is_not_hidden(dtype):
    """What a kernel before found unusable must not become a zero."""
    for name in FUNCTIONS:
        value, _ = kernels.activate(name, np.array([1, np.nan, -1], dtype))
        np.testing.assert_array_equal(np.isnan(value), [False, True, False])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_numbers(dtype):
    for name in FUNCTIONS:
        value, slope = kernels.activate(name, np.zeros(0, dtype))
        assert value.shape == slope.shape == (0,) and value.dtype == slope.dtype == dtype


def test_unknown_name():
    with pytest.raises(InputError, match=r"activation: expected one of tanh, .* got 'sine'"):
        kernels.activate("sine", np.zeros(1))
