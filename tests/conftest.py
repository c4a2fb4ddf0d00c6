"""What all tests share."""

import logging
import os

import numpy as np
import pytest

try:
    from hypothesis import settings
except ImportError:  # a machine for the kernels of a GPU has NumPy and pytest alone
    settings = None

# Set before anything imports TensorFlow or matplotlib.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples in every run, and no limit on the time of one: the machine may be busy.
if settings is not None:
    settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
    settings.load_profile("repeatable")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.fixture
def logged():
    """The messages that the package logs, as a list that grows."""
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, listener, level = logging.getLogger("deepmd_tf"), Listener(), logging.getLogger("deepmd_tf").level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    yield messages
    logger.removeHandler(listener)
    logger.setLevel(level)
