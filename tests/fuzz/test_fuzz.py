"""Every reader refuses what it cannot use: the corpus, and some thousand inputs changed by chance, in every run.

`make fuzz` does the same under a fuzzer guided by coverage.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .mutations import mutations
from .targets import TARGETS, accepts, corpus_of, memory


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
