from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..runs import dp, write_data, write_input

LONG = {"training.numb_steps": 6, "training.max_ckpt_keep": 10}


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """Directory with a model that was trained for six steps without interruption, and frozen."""
    place = tmp_path_factory.mktemp("trained")
    write_data(place)
    write_input(place, LONG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for command in (("train", "input.json"), ("freeze", "-o", "graph.pb")):
            result = dp(*command)
            assert result.status == 0, result.err
            (place / f"{command[0]}.log").write_text(result.err)
            assert result.out == ""
    return place


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Current directory with data and an input file."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_input(tmp_path, LONG)
    return tmp_path


@pytest.fixture
def finished(trained, tmp_path, monkeypatch) -> Path:
    """Current directory, a copy of `trained`."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
