"""LAMMPS on any number of ranks gives the energies, forces and virials of the Python `DeepPot`."""

from __future__ import annotations

import numpy as np
import pytest

from ..frames import Frame, make_frame
from ..models import graph_file, native_file, native_potential, potential
from .lammps import BAR, data_file

NAMES = ("O", "H")
# LAMMPS keeps the first vector along x and the second in the plane xy.
SHAPES = ("orthorhombic", "triclinic", "small", "open")

SYSTEM = """clear
units metal
boundary {boundary}
atom_style atomic
atom_modify map array
box tilt large
read_data {name}.data
pair_style deepmd {graph}
pair_coeff * * O H
compute virial all pressure NULL virial
compute energy all pe/atom
compute stress all stress/atom NULL virial
compute centroid all centroid/stress/atom NULL virial
variable volume equal vol
thermo_style custom step pe c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6] vol
thermo_modify format float %.16g
dump atoms all custom 1 {name}.dump id fx fy fz c_energy c_stress[*] c_centroid[*]
dump_modify atoms sort id format float %.16g
run 0
"""
# Where LAMMPS's xx yy zz xy xz yz (yx zx zy), of force_b r_a, stand among ours, 3a + b of force_a r_b.
ORDER = [0, 4, 8, 3, 6, 7, 1, 2, 5]


def water_like(rng: np.random.Generator) -> Frame:
    """Enough atoms for several ranks, in a cell for all of them."""
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3) * 2.0
    cell = np.array([[10.0, 0, 0], [1.5, 10.0, 0], [-1.0, 0.5, 10.0]])
    coord = (grid + rng.uniform(-0.3, 0.3, grid.shape)) / 10.0 @ cell
    return Frame(coord, cell, rng.integers(0, 2, len(grid)))


@pytest.fixture(scope="module")
def systems() -> dict[str, Frame]:
    frames = {shape: make_frame(shape) for shape in SHAPES}
    frames["many"] = water_like(np.random.default_rng(7))
    frames["alone"] = Frame(np.zeros((1, 3)), None, np.array([1]))
    return frames


def script_of(systems, graph) -> tuple[str, dict[str, str]]:
    parts, files = [], {}
    for name, frame in systems.items():
        boundary = "p p p" if frame.cell is not None else "s s s" if name == "open" else "f f f"
        parts.append(SYSTEM.format(name=name, graph=graph, boundary=boundary))
        files[f"{name}.data"] = data_file(frame, NAMES, margin=4.0)
    return "".join(parts), files


def assert_equal(reference, frame: Frame, thermo: dict, dump: np.ndarray) -> None:
    energy, force, virial, atom_energy, atom_virial = (
        part[0] for part in reference.eval(frame.coord, frame.cell, frame.types, atomic=True)
    )

    def close(got, expected):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11 * max(1, np.abs(expected).max()))

    close(thermo["PotEng"][0], energy.item())
    pressure = np.array([thermo[f"c_virial[{k}]"][0] for k in range(1, 7)])
    close(pressure * thermo["Volume"][0] / BAR, virial[ORDER[:6]])
    close(dump[:, :3], force)
    close(dump[:, 3], atom_energy[:, 0])
    # LAMMPS's stress of an atom is the negative of its virial, in bar Å^3.
    close(-dump[:, 4:10] / BAR, atom_virial[:, ORDER[:6]])
    close(-dump[:, 10:] / BAR, atom_virial[:, ORDER])


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_native(lammps, systems, ranks):
    """Also where a rank has no atoms, and where the box is smaller than the cutoff."""
    some = systems if ranks < 4 else {name: systems[name] for name in ("small", "many", "alone")}
    script, files = script_of(some, native_file("two_sides"))
    run = lammps.check(script, files=files, ranks=ranks)
    assert "native" in run.output
    for (name, frame), thermo in zip(some.items(), run.thermo(), strict=True):
        assert_equal(native_potential("two_sides"), frame, thermo, run.dump(f"{name}.dump"))


@pytest.mark.parametrize("ranks", [1, 2])
def test_portable(lammps, systems, ranks):
    few = {name: systems[name] for name in ("triclinic", "open")}
    script, files = script_of(few, graph_file("two_sides"))
    run = lammps.check(script, files=files, ranks=ranks)
    assert "by TensorFlow" in run.output
    for (name, frame), thermo in zip(few.items(), run.thermo(), strict=True):
        assert_equal(potential("two_sides"), frame, thermo, run.dump(f"{name}.dump"))


@pytest.mark.parametrize("ranks", [1, 2])
def test_slab(lammps, ranks):
    """Periodic along x and y, open along z."""
    frame = make_frame("orthorhombic")
    coord = frame.coord - [0, 0, frame.coord[:, 2].min() - 0.5]
    height = np.ptp(coord[:, 2]) + 1.0
    slab = frame.replace(coord=coord, cell=np.diag([*np.diag(frame.cell)[:2], height]))
    script = SYSTEM.format(name="slab", graph=native_file("two_sides"), boundary="p p f")
    run = lammps.check(script, files={"slab.data": data_file(slab, NAMES)}, ranks=ranks)
    far = slab.replace(cell=np.diag([*np.diag(frame.cell)[:2], height + 10.0]))
    assert_equal(native_potential("two_sides"), far, run.thermo()[0], run.dump("slab.dump"))


def test_threads(lammps, systems):
    script, files = script_of({"many": systems["many"]}, native_file("two_sides"))
    runs = [lammps.check(script, files=files, threads=threads) for threads in (1, 3)]
    assert "3 thread(s)" in runs[1].output
    np.testing.assert_array_equal(*(run.dump("many.dump") for run in runs))


def test_units_real(lammps):
    frame = make_frame("triclinic")
    script = SYSTEM.format(name="real", graph=native_file("two_sides"), boundary="p p p")
    script = script.replace("units metal", "units real")
    run = lammps.check(script, files={"real.data": data_file(frame, NAMES)})
    energy, force, virial = native_potential("two_sides").eval(frame.coord, frame.cell, frame.types)
    kcal = 23.060549  # 1 eV in kcal/mol, as LAMMPS converts it
    thermo = run.thermo()[0]
    assert thermo["PotEng"][0] == pytest.approx(kcal * energy.item(), rel=1e-12)
    np.testing.assert_allclose(run.dump("real.dump")[:, :3], kcal * force[0], rtol=0, atol=1e-10)
    # 1 kcal/mol/Å^3 is 68568.415 atmospheres.
    pressure = 68568.415 * kcal * np.trace(virial.reshape(3, 3)) / 3 / thermo["Volume"][0]
    assert np.mean([thermo[f"c_virial[{k}]"][0] for k in (1, 2, 3)]) == pytest.approx(pressure, rel=1e-12)


def test_elements_in_another_order(lammps):
    """LAMMPS's types are not the model's: pair_coeff says which they are."""
    frame = make_frame("triclinic")
    script = SYSTEM.format(name="swapped", graph=native_file("two_sides"), boundary="p p p").replace(
        "* * O H", "* * H O"
    )
    run = lammps.check(script, files={"swapped.data": data_file(frame.replace(types=1 - frame.types), ("H", "O"))})
    assert_equal(native_potential("two_sides"), frame, run.thermo()[0], run.dump("swapped.dump"))


@pytest.mark.parametrize("graph", [native_file, graph_file])
@pytest.mark.parametrize("ranks", [1, 2])
def test_parameters(lammps, graph, ranks):
    frame = make_frame("triclinic")
    script = SYSTEM.format(
        name="parameters", graph=f"{graph('fparam_aparam')} fparam 0.25 aparam -1.5 3e-1", boundary="p p p"
    )
    run = lammps.check(script, files={"parameters.data": data_file(frame, NAMES)}, ranks=ranks)
    expected = potential("fparam_aparam").eval(frame.coord, frame.cell, frame.types, [0.25], [-1.5, 0.3])
    assert run.thermo()[0]["PotEng"][0] == pytest.approx(expected[0].item(), rel=1e-11)
    np.testing.assert_allclose(run.dump("parameters.dump")[:, :3], expected[1][0], rtol=0, atol=1e-10)
