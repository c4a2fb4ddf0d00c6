"""The README is true: its commands run, its Python runs, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from ase import Atoms

from deepmd_tf.data import load_system

from .runs import dp, write_input, write_system

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "examples/**/README.md", "benchmarks/**/*.md")
    for path in ROOT.glob(pattern)
)


def blocks(language: str) -> list[str]:
    """The code blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """The command lines of a program in the shell blocks, without their comments."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [words[1:] for words in (shlex.split(line, comments=True) for line in lines) if words[:1] == [program]]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory as the README has it: an input file and data."""
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path / "data" / "train")
    write_system(tmp_path / "data" / "validation", seed=1)
    systems = {
        "training.training_data.systems": ["data/train"],
        "training.validation_data.systems": ["data/validation"],
    }
    write_input(tmp_path, {**systems, "training.numb_steps": 2})
    return tmp_path


def test_commands_and_python_run(place):
    for arguments in commands("dp"):
        result = dp(*arguments)
        assert result.status == 0, result.err
    frames = load_system(place / "data" / "validation", ["O", "H"]).frames([0])
    symbols = ["OH"[t] for t in frames.type[0]]
    names = {
        "coords": frames.coord,
        "cells": frames.box,
        "atom_types": frames.type[0],
        "atoms": Atoms(symbols, frames.coord[0], cell=frames.box[0], pbc=True),
    }
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["force"].shape == (1, 4, 3)
    assert names["atoms"].get_potential_energy() == pytest.approx(names["energy"].item())


def test_every_command_is_shown():
    shown = {arguments[0] for arguments in commands("dp")}
    names = "train freeze compress test show neighbor-stat model-devi change-bias plot-lcurve where doc-train-input"
    assert shown == set(names.split())


def test_make_targets_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {word for arguments in commands("make") for word in arguments} <= set(targets)
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= set(targets)


def test_the_message_that_is_shown_is_the_message(place):
    """The mistake is the one that the message names: an unknown key."""
    shown = re.search(
        r"^\$ dp train input\.json\n(dp train: error: input\.json: (\S+): unknown key.*)$", README, re.MULTILINE
    )
    assert shown, "the README shows the answer to an unknown key"
    write_input(place, {shown[2]: 1})
    assert dp("train", "input.json").err == shown[1] + "\n"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    path = ROOT / document
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            file, _, anchor = target.partition("#")
            linked = path.parent / file if file else path
            assert linked.exists(), f"{document} links to {target}"
            if anchor and linked.suffix == ".md":
                headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}
