"""The Python code in the documentation of inference runs unchanged."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from ..frames import make_frame
from ..models import native_file

DOCUMENTS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["inference.md", "md.md"])
def test_python_of(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for graph, variant in (("graph.pb", "two_sides"), ("graph.0.pb", "two_sides"), ("graph.1.pb", "one_side")):
        shutil.copy(native_file(variant), graph)
    frame = make_frame("triclinic")
    atoms = Atoms(np.array(["O", "H"])[frame.types], frame.coord, cell=frame.cell, pbc=True)
    names = {"coords": frame.coord, "cells": frame.cell, "atom_types": frame.types, "atoms": atoms}
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCUMENTS / name).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec"), names)
    if name == "md.md":
        energies = [float(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
        assert len(energies) >= 4 and len(set(energies)) == len(energies)
        assert atoms.get_potential_energy() == pytest.approx(energies[-1])
