"""Runs the tests of a kernel that a GPU has too on every device there is."""

import pytest

from . import device

# Device -> its compiled module.
MODULES = {"emulated": "_gpu_emulated", "gpu": "_gpu"}


def _load(name: str):
    try:
        module = device.load(MODULES[name])
        module.device_name()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"no {name} device: {error}")
    return module


@pytest.fixture(params=["cpu", "emulated", pytest.param("gpu", marks=pytest.mark.gpu)])
def on_device(request):
    """Give the test `kernels` of the processor, then of a GPU."""
    if request.param != "cpu":
        device.kernels.module = _load(request.param)
    yield request.param
    device.kernels.module = device.cpu
