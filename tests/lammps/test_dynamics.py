"""Molecular dynamics in LAMMPS: conservation, changing cells, restarts, ranks, and how far models disagree."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf import DeepPot

from ..frames import Frame
from ..models import graph_file, native_file, native_potential
from .lammps import data_file

NAMES = ("O", "H")
HEAD = """units metal
atom_style atomic
atom_modify map array
read_data atoms.data
pair_style deepmd {models}
pair_coeff * * O H
velocity all create 300 4711 loop geom
timestep 0.0002
thermo 5
thermo_style custom step temp pe etotal press vol
thermo_modify format float %.16g
dump atoms all custom 5 atoms.dump id x y z fx fy fz
dump_modify atoms sort id format float %.16g
neighbor 0.3 bin
neigh_modify every 1 delay 0 check yes
"""


@pytest.fixture(scope="module")
def frame() -> Frame:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3) * 2.1
    cell = np.array([[8.4, 0, 0], [0.9, 8.4, 0], [-0.6, 0.4, 8.4]])
    coord = (grid + rng.uniform(-0.2, 0.2, grid.shape)) / 8.4 @ cell
    return Frame(coord, cell, rng.integers(0, 2, len(grid)))


@pytest.fixture(scope="module")
def files(frame) -> dict[str, str]:
    return {"atoms.data": data_file(frame, NAMES)}


def head(*models: str, more: str = "") -> str:
    return HEAD.format(models=" ".join([*models, more]))


NATIVE = str(native_file("two_sides"))
ENSEMBLES = {
    "nve": "fix 1 all nve",
    "npt": "fix 1 all npt temp 300 300 0.1 tri 0 0 1",
    "deform": "fix 1 all nve\nfix 2 all deform 1 x scale 1.02 xy delta 0.4 remap v",
}


@pytest.fixture(scope="module")
def trajectories(lammps, files):
    """The run of an ensemble on a number of ranks, each once."""
    runs = {}

    def run(name: str, ranks: int):
        if (name, ranks) not in runs:
            script = head(NATIVE) + ENSEMBLES[name] + "\nrun 40\n"
            runs[name, ranks] = lammps.check(script, files=files, ranks=ranks)
        return runs[name, ranks]

    return run


@pytest.mark.parametrize("name", ENSEMBLES)
def test_ranks_agree(trajectories, name):
    """Rounding is another on each number of ranks and grows with time, so not to the last digit."""
    one, two = (trajectories(name, ranks) for ranks in (1, 2))
    assert "Neighbor list builds = 0" not in one.output
    for column in ("PotEng", "TotEng", "Press", "Volume"):
        np.testing.assert_allclose(one.thermo()[0][column], two.thermo()[0][column], rtol=1e-8)
    np.testing.assert_allclose(one.dump("atoms.dump"), two.dump("atoms.dump"), rtol=0, atol=1e-7)


def test_energy_is_conserved(trajectories):
    """The potential and the kinetic energy change; their sum, hundreds of times less."""
    thermo = trajectories("nve", 1).thermo()[0]
    assert np.ptp(thermo["TotEng"]) < 0.01 * np.ptp(thermo["PotEng"])


def test_last_frame_of_a_changed_cell(trajectories):
    """The positions that LAMMPS arrived at, in the cell that it arrived at, have the forces that it says."""
    run = trajectories("npt", 1)
    text = (run.directory / "atoms.dump").read_text().split("ITEM: TIMESTEP\n")[-1]
    bounds = np.array([line.split() for line in text.partition("ITEM: BOX BOUNDS")[2].splitlines()[1:4]], float)
    xy, xz, yz = bounds[:, 2]
    low = bounds[:, 0] - [min(0, xy, xz, xy + xz), min(0, yz), 0]
    high = bounds[:, 1] - [max(0, xy, xz, xy + xz), max(0, yz), 0]
    cell = np.diag(high - low) + np.array([[0, 0, 0], [xy, 0, 0], [xz, yz, 0]])
    dump = run.dump("atoms.dump")
    types = np.array(
        [int(line.split()[1]) - 1 for line in (run.directory / "atoms.data").read_text().splitlines()[-64:]]
    )
    energy, force, _ = native_potential("two_sides").eval(dump[:, :3], cell, types)
    assert run.thermo()[0]["Volume"][-1] == pytest.approx(np.linalg.det(cell)) != run.thermo()[0]["Volume"][0]
    assert run.thermo()[0]["PotEng"][-1] == pytest.approx(energy.item(), rel=1e-10)
    np.testing.assert_allclose(dump[:, 3:], force[0], rtol=0, atol=1e-9)


def test_restart(lammps, files, trajectories):
    """A run that was stopped and continued is the run that was not."""
    first = lammps.check(head(NATIVE) + ENSEMBLES["nve"] + "\nrun 20\nwrite_restart stopped\n", files=files)
    lines = [line for line in head(NATIVE).splitlines() if not line.startswith(("units", "atom_", "velocity"))]
    script = "\n".join(lines).replace("read_data atoms.data", f"read_restart {first.directory}/stopped")
    second = lammps.check(script + "\n" + ENSEMBLES["nve"] + "\nrun 20\n")
    whole, rest = trajectories("nve", 1).thermo()[0], second.thermo()[0]
    assert rest["Step"][-1] == 40
    assert rest["TotEng"][-1] == pytest.approx(whole["TotEng"][-1], rel=1e-9)


def deviations(run) -> np.ndarray:
    return np.loadtxt(run.directory / "devi.out", ndmin=2)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize(
    ("keywords", "relative", "relative_v"), [("", None, None), ("relative 0.3 relative_v 0.7", 0.3, 0.7)]
)
def test_deviation(lammps, frame, files, ranks, keywords, relative, relative_v):
    """Of forces and virials of two models, against NumPy."""
    graphs = [native_file("two_sides"), native_file("one_side"), graph_file("residual")]
    options = f"out_freq 5 out_file devi.out atomic {keywords}"
    script = head(*map(str, graphs), more=options) + "fix 1 all nve\nrun 7\n"
    run = lammps.check(script, files=files, ranks=ranks)
    rows = deviations(run)
    assert rows[:, 0].tolist() == [0, 5]
    results = [DeepPot(graph).eval(frame.coord, frame.cell, frame.types) for graph in graphs]
    force, virial = (np.array([result[k][0] for result in results]) for k in (1, 2))
    by_atom = np.sqrt(((force - force.mean(0)) ** 2).sum(-1).mean(0))
    by_component = virial.std(axis=0) / frame.natoms
    if relative is not None:
        by_atom /= np.linalg.norm(force.mean(0), axis=-1) + relative
        by_component /= np.abs(virial.mean(0)) / frame.natoms + relative_v
    expected = [by_component.max(), by_component.min(), np.sqrt((by_component**2).mean())]
    expected += [by_atom.max(), by_atom.min(), by_atom.mean(), *by_atom]
    np.testing.assert_allclose(rows[0, 1:], expected, rtol=1e-6)


def test_models_beside_the_first_do_not_move_atoms(lammps, files, trajectories):
    script = head(NATIVE, str(native_file("one_side")), more="out_freq 10") + ENSEMBLES["nve"] + "\nrun 40\n"
    run = lammps.check(script, files=files)
    np.testing.assert_array_equal(run.dump("atoms.dump"), trajectories("nve", 1).dump("atoms.dump"))
    header = (run.directory / "model_devi.out").read_text().splitlines()[0]
    names = "max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f"
    assert header.split() == ["#", "step", *names.split()]


def test_minimisation_and_other_pair_styles(lammps, files):
    """A minimizer goes downhill; a pair style beside adds its own."""
    script = head(NATIVE) + "minimize 1e-6 1e-6 20 100\n"
    energies = lammps.check(script, files=files).thermo()[0]["PotEng"]
    assert energies[-1] < energies[0]
    lines = head(NATIVE).replace("pair_style deepmd", "pair_style hybrid/overlay zero 3.0 deepmd")
    lines = lines.replace("pair_coeff * * O H", "pair_coeff * * zero\npair_coeff * * deepmd O H")
    overlay = lammps.check(lines + "run 0\n", files=files).thermo()[0]["PotEng"]
    assert overlay[0] == pytest.approx(energies[0], rel=1e-12)
