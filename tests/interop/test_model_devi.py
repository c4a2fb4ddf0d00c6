"""`dp model-devi` and DeePMD-kit write the same file for the same graphs and data."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.cli import main

from ..models import graph_file
from ..systems import save_system

TYPE_MAP = ("O", "H")
GRAPHS = [str(graph_file(name)) for name in ("one_side", "two_sides", "resnet_dt")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Current directory with a periodic and an open system of labeled frames."""
    rng = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    for name, natoms, cells in (("periodic", 6, np.diag([5.0, 5.5, 6.0]) * np.ones((4, 1, 1))), ("open", 4, None)):
        grid = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)])[:natoms] * 2.4
        save_system(
            tmp_path / name,
            np.arange(natoms) % 3 % 2,
            grid + rng.uniform(0, 0.8, (4, natoms, 3)),
            cells,
            type_map=TYPE_MAP,
            energy=rng.normal(size=4),
            force=rng.normal(size=(4, natoms * 3)),
            virial=rng.normal(size=(4, 9)),
        )
    return tmp_path


@pytest.mark.parametrize("system", ["periodic", "open"])
@pytest.mark.parametrize("options", ["", "-f 5", "--atomic", "--real_error --relative 0.7 --atomic"])
def test_same_file(peer, place, system, options):
    arguments = ["model-devi", "-m", *GRAPHS, "-s", system, *options.split(), "-o"]
    assert main([*arguments, "ours.out"]) == 0
    peer.run("dp", *arguments, "theirs.out", directory=place)
    ours, theirs = ((place / name).read_text() for name in ("ours.out", "theirs.out"))
    assert ours.splitlines()[:2] == theirs.splitlines()[:2]
    assert [len(line) for line in ours.splitlines()] == [len(line) for line in theirs.splitlines()]
    # The files have seven digits.
    np.testing.assert_allclose(np.loadtxt(place / "ours.out"), np.loadtxt(place / "theirs.out"), rtol=2e-6, atol=1e-14)


@pytest.mark.parametrize("options", ["", "--real_error"])
def test_relative_virial_of_one_frame(peer, place, options):
    """Use a single frame, because DeePMD-kit 3.2 fails with several."""
    for file in (place / "periodic" / "set.000").iterdir():
        np.save(file, np.load(file)[:1])
    arguments = ["model-devi", "-m", *GRAPHS, "-s", "periodic", "--relative_v", "0.05", *options.split(), "-o"]
    assert main([*arguments, "ours.out"]) == 0
    peer.run("dp", *arguments, "theirs.out", directory=place)
    np.testing.assert_allclose(np.loadtxt(place / "ours.out"), np.loadtxt(place / "theirs.out"), rtol=2e-6)
