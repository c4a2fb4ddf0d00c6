"""What all tests share."""

import importlib.util
import os
import sys

import numpy as np
import pytest
from hypothesis import settings

# Set before anything imports TensorFlow or matplotlib.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")


def _use_kernels(path: str) -> None:
    """Test another build of the compiled module, for instance one with sanitizers, than the installed one."""
    spec = importlib.util.spec_from_file_location("deepmd_tf._kernels", path)
    sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])


if "DEEPMD_TEST_KERNELS" in os.environ:
    _use_kernels(os.environ["DEEPMD_TEST_KERNELS"])

# The same examples in every run, and no limit on the time of one: the machine may be busy.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)
