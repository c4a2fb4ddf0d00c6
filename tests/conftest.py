"""What all tests share."""

import logging
import os
import shutil
import tempfile
from pathlib import Path

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


GRAPHS = "DEEPMD_TEST_GRAPHS"
"""Environment variable with the directory of frozen graphs that the processes of a test run share."""

LIGHT = ("config", "geometry", "kernels", "statistics")
"""Folders whose tests run without TensorFlow."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory of shared graphs, in the process that starts the others."""
    if not hasattr(config, "workerinput"):
        os.environ[GRAPHS] = tempfile.mkdtemp(prefix="deepmd_tf_graphs_")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the directory of shared graphs."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(GRAPHS), ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that run without TensorFlow."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in LIGHT:
            item.add_marker("light")


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
