"""The LAMMPS plugins of DeePMD-kit and of this program run the graphs of both programs with the same results."""

from __future__ import annotations

import numpy as np
import pytest

from ..lammps.conftest import lammps  # noqa: F401
from .comparison import evaluate
from .inputs import train_ours, water_frames, water_input

SCRIPT = """units metal
boundary p p p
atom_style atomic
read_data atoms.data
pair_style deepmd graph.pb
pair_coeff * * O H
thermo_style custom step pe pxx pyy pzz pxy pxz pyz
thermo_modify format float %.15g
dump forces all custom 1 forces.dump id fx fy fz
dump_modify forces sort id format float %.15g
run 0
"""
# 1 eV/Å^3 in bar, the pressure unit of LAMMPS's units "metal".
BAR = 1.6021765e6


def write_atoms(path, coord, cell, types) -> None:
    wrapped = coord % np.diag(cell)
    lines = ["water", "", f"{len(types)} atoms", "2 atom types", ""]
    lines += [f"0 {cell[k, k]:.17g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    lines += ["", "Masses", "", "1 15.999", "2 1.008", "", "Atoms", ""]
    lines += [
        f"{k} {t + 1} {x:.17g} {y:.17g} {z:.17g}"
        for k, (t, (x, y, z)) in enumerate(zip(types, wrapped, strict=True), 1)
    ]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("one_side", [True, False])
def test_equal(peer, one_side, tmp_path, monkeypatch):
    table = water_input({"training.numb_steps": 5, "model.descriptor.type_one_side": one_side})
    graph = train_ours(tmp_path, table, monkeypatch)
    frames = water_frames(1)
    cell = np.diag(np.linalg.norm(frames["cells"].reshape(3, 3), axis=1))
    frames["cells"] = cell.reshape(1, 9)
    write_atoms(tmp_path / "atoms.data", frames["coord"].reshape(-1, 3), cell, frames["types"])
    (tmp_path / "in.lammps").write_text(SCRIPT)
    peer.run("lmp", "-in", "in.lammps", directory=tmp_path)

    expected = evaluate(graph, **frames)
    lines = (tmp_path / "log.lammps").read_text().splitlines()
    row = lines[next(k for k, line in enumerate(lines) if line.split()[:2] == ["Step", "PotEng"]) + 1].split()
    energy, *pressure = map(float, row[1:])
    np.testing.assert_allclose(energy, expected["energy"].item(), rtol=1e-10)
    virial = expected["virial"].reshape(3, 3) / np.linalg.det(cell) * BAR
    components = virial[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(pressure, components, rtol=0, atol=1e-9 * np.abs(components).max())
    forces = np.loadtxt((tmp_path / "forces.dump").read_text().splitlines()[9:])[:, 1:]
    np.testing.assert_allclose(forces, expected["force"][0], rtol=0, atol=1e-9 * np.abs(forces).max())


DYNAMICS = """units metal
atom_style atomic
read_data atoms.data
pair_style deepmd {models}
pair_coeff * * O H
velocity all create 300 1 loop geom
timestep 0.0005
fix 1 all nve
thermo 10
thermo_style custom step temp pe etotal press pxx pyy pzz pxy pxz pyz
thermo_modify format float %.15g
run {steps}
"""


def thermo(log) -> np.ndarray:
    """Return the rows of the thermo table in a log."""
    lines = log.read_text().splitlines()
    begin = next(k for k, line in enumerate(lines) if line.split()[:1] == ["Step"])
    end = next(k for k, line in enumerate(lines) if line.startswith("Loop time"))
    return np.array([line.split() for line in lines[begin + 1 : end] if not line.startswith("WARNING")], float)


@pytest.fixture(scope="module")
def models(peer, tmp_path_factory):
    """Return the path of a graph of each program, and of a data file with the atoms."""
    directory = tmp_path_factory.mktemp("models")
    table = water_input({"training.numb_steps": 50, "model.descriptor.type_one_side": False})
    theirs = peer.train(directory / "theirs", table)
    with pytest.MonkeyPatch.context() as patch:
        ours = train_ours(directory / "ours", table, patch)
    frames = water_frames(1)
    cell = np.diag(np.linalg.norm(frames["cells"].reshape(3, 3), axis=1))
    write_atoms(directory / "atoms.data", frames["coord"].reshape(-1, 3), cell, frames["types"])
    return {"ours": ours, "theirs": theirs, "atoms": directory / "atoms.data"}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("graph", ["ours", "theirs"])
def test_dynamics_are_equal(peer, lammps, models, graph, ranks, tmp_path):  # noqa: F811
    """Run 100 steps with DeePMD-kit's plugin on one rank, and with ours on one and two ranks."""
    script = DYNAMICS.format(models=models[graph], steps=100)
    (tmp_path / "in.lammps").write_text(script)
    atoms = models["atoms"].read_text()
    (tmp_path / "atoms.data").write_text(atoms)
    peer.run("lmp", "-in", "in.lammps", directory=tmp_path)
    ours = lammps.check(script, files={"atoms.data": atoms}, ranks=ranks)
    expected, got = (thermo(place / "log.lammps") for place in (tmp_path, ours.directory))
    assert len(expected) == 11
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=1e-8)


@pytest.mark.parametrize("keywords", ["", "atomic", "relative 0.7", "relative_v 0.5"])
def test_files_of_model_deviation_are_equal(peer, lammps, models, keywords, tmp_path):  # noqa: F811
    graphs = f"{models['ours']} {models['theirs']} out_freq 4 out_file devi.out {keywords}"
    script = DYNAMICS.format(models=graphs, steps=10)
    (tmp_path / "in.lammps").write_text(script)
    atoms = models["atoms"].read_text()
    (tmp_path / "atoms.data").write_text(atoms)
    peer.run("lmp", "-in", "in.lammps", directory=tmp_path)
    ours = lammps.check(script, files={"atoms.data": atoms})
    expected, got = ((place / "devi.out").read_text().split() for place in (tmp_path, ours.directory))
    assert [word for word in got if word[0].isalpha()] == [word for word in expected if word[0].isalpha()]
    numbers = [[float(word) for word in words if word[0].isdigit()] for words in (got, expected)]
    np.testing.assert_allclose(*numbers, rtol=2e-6, atol=1e-9)
