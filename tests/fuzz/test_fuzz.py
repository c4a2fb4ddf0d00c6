"""Every reader refuses what it cannot use: the corpus, inputs changed by chance, and some that coverage leads to.

`make fuzz` goes on where these end.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..tiers import slow_but
from .mutations import mutations
from .targets import TARGETS, accepts, corpus_of, memory

ROOT = Path(__file__).parents[2]
QUICK = ("json",)
"""Targets that the quick tests guide by coverage; each starts a process that instruments its reader."""

GUIDED = slow_but(QUICK, TARGETS) if importlib.util.find_spec("atheris") else []


@pytest.fixture
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=memory()) as directory:
        yield Path(directory)


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name, scratch):
    accepted = [accepts(TARGETS[name], data, scratch) for data in corpus_of(name)]
    assert any(accepted), "at least one input must be good, or nothing behind the first check is tried"


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs(name, scratch):
    target = TARGETS[name]
    for data in mutations(corpus_of(name), target.quick):
        try:
            accepts(target, data, scratch)
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} for {data[:2000]!r}") from error


@pytest.mark.parametrize("name", GUIDED)
def test_guided_by_coverage(name):
    runs = TARGETS[name].quick
    command = [sys.executable, "-m", "tests.fuzz", name, "--runs", str(runs), "--seconds", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert f"| {name} | {runs:,} |" in done.stdout
