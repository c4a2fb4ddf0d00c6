"""LAMMPS with DeePMD-kit's plugin runs our graph: energy, forces and pressure are those of our `DeepPot`."""

from __future__ import annotations

import numpy as np
import pytest

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
# Of LAMMPS's units "metal": 1 eV/Å^3 in bar.
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
