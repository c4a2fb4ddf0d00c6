"""The ASE calculator: properties and their signs, boundaries, caching, and the drivers people use it in."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from deepmd_tf.errors import InputError
from deepmd_tf.infer.ase import DP

from ..frames import make_frame
from ..models import graph_file, potential

NAME = "two_sides"


def make_atoms(shape="triclinic", calculator=None) -> Atoms:
    frame = make_frame(shape)
    atoms = Atoms(np.array(["O", "H"])[frame.types], frame.coord, cell=frame.cell, pbc=frame.cell is not None)
    atoms.calc = calculator or DP(potential(NAME))
    return atoms


@pytest.fixture
def atoms() -> Atoms:
    return make_atoms()


@pytest.mark.parametrize("shape", ["triclinic", "small", "open"])
def test_properties(shape):
    frame, atoms = make_frame(shape), make_atoms(shape)
    energy, force, virial, atom_energy, _ = potential(NAME).eval(frame.coord, frame.cell, frame.types, atomic=True)
    assert isinstance(atoms.get_potential_energy(), float)
    assert atoms.get_potential_energy() == energy[0, 0]
    assert atoms.get_potential_energy(force_consistent=True) == energy[0, 0]
    np.testing.assert_array_equal(atoms.get_forces(), force[0])
    np.testing.assert_allclose(atoms.get_potential_energies(), atom_energy[0, :, 0], rtol=0, atol=1e-13)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
    if frame.cell is None:
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_stress()
    else:
        stress = atoms.get_stress(voigt=False)
        np.testing.assert_allclose(stress, -virial.reshape(3, 3) / atoms.get_volume(), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(stress, stress.T)


def test_from_a_file():
    expected = make_atoms().get_potential_energy()
    for model in (graph_file(NAME), str(graph_file(NAME))):
        assert make_atoms(calculator=DP(model)).get_potential_energy() == expected


@pytest.mark.parametrize("shape", ["triclinic", "small"])
def test_stress_is_the_energy_derivative_by_strain_over_volume(shape):
    """ASE's sign: positive where the crystal pulls inwards. Voigt order xx yy zz yz xz xy."""
    atoms, step = make_atoms(shape), 1e-5
    stress = atoms.get_stress()
    for index, (a, b) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        energies = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            strained = atoms.copy()
            strained.calc = atoms.calc
            strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
            energies.append(strained.get_potential_energy())
        expected = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
        assert stress[index] == pytest.approx(expected, abs=1e-8)


def test_pressure_is_a_third_of_the_trace_of_the_virial_over_volume(atoms):
    virial = potential(NAME).eval(atoms.positions, atoms.cell.array, [0 if s == "O" else 1 for s in atoms.symbols])[2]
    pressure = -np.trace(atoms.get_stress(voigt=False)) / 3
    assert pressure == pytest.approx(virial.reshape(3, 3).trace() / (3 * atoms.get_volume()), abs=1e-13)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False), (True, False, True), (False,) * 3])
def test_boundaries_per_axis(atoms, pbc):
    atoms.pbc = pbc
    types = [0 if symbol == "O" else 1 for symbol in atoms.symbols]
    energy, force, virial = potential(NAME).eval(atoms.positions, atoms.cell.array, types, pbc=pbc)
    assert atoms.get_potential_energy() == energy[0, 0]
    np.testing.assert_array_equal(atoms.get_forces(), force[0])
    stress = -virial.reshape(3, 3) / atoms.get_volume()
    np.testing.assert_allclose(atoms.get_stress(voigt=False), (stress + stress.T) / 2, rtol=0, atol=1e-13)


def test_slab_without_a_third_vector():
    """As ASE builds surfaces without vacuum: energy and forces are there, a stress per volume is not."""
    atoms = make_atoms()
    wide = atoms.copy()
    wide.calc = atoms.calc
    wide.pbc = atoms.pbc = (True, True, False)
    atoms.cell[2] = 0
    assert atoms.get_potential_energy() == pytest.approx(wide.get_potential_energy(), abs=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), wide.get_forces(), rtol=0, atol=1e-12)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_periodic_axis_without_a_vector():
    atoms = make_atoms()
    atoms.cell[2] = 0
    with pytest.raises(InputError, match="frame 0 has no volume"):
        atoms.get_potential_energy()


def test_unknown_elements_are_named(atoms):
    atoms.symbols[[1, 3]] = ["Xe", "C"]
    with pytest.raises(InputError, match=r"does not know the element\(s\) C, Xe; it was trained for O H"):
        atoms.get_potential_energy()


def test_own_type_indices():
    """Deuterium-like names or swapped species, as the user says."""
    atoms = make_atoms()
    swapped = make_atoms(calculator=DP(potential(NAME), type_dict={"O": 1, "H": 0}))
    expected = make_atoms()
    expected.symbols = ["H" if symbol == "O" else "O" for symbol in atoms.symbols]
    assert swapped.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-12)
    assert swapped.get_potential_energy() != pytest.approx(atoms.get_potential_energy(), abs=1e-3)


@pytest.fixture
def counted(monkeypatch):
    """A calculator and the list of its evaluations."""
    calculator, calls = DP(potential(NAME)), []
    evaluate = calculator.dp.eval
    monkeypatch.setattr(calculator.dp, "eval", lambda *a, **k: calls.append(k) or evaluate(*a, **k))
    return calculator, calls


def test_results_are_kept_until_atoms_change(counted):
    calculator, calls = counted
    atoms = make_atoms(calculator=calculator)
    for _ in range(3):
        atoms.get_potential_energy()
        atoms.get_forces()
        atoms.get_stress()
    assert len(calls) == 1
    atoms.get_potential_energies()
    atoms.get_potential_energies()
    atoms.get_forces()
    assert len(calls) == 2
    for change in (
        lambda: atoms.rattle(0.01),
        lambda: atoms.set_cell(atoms.cell * 1.01),
        lambda: atoms.set_pbc((True, True, False)),
        lambda: atoms.symbols.__setitem__(0, "O"),
    ):
        before = len(calls)
        change()
        atoms.get_potential_energy()
        atoms.get_forces()
        assert len(calls) == before + 1


def test_results_do_not_change_afterwards(atoms):
    forces = atoms.get_forces()
    kept = forces.copy()
    atoms.rattle(0.1)
    atoms.get_forces()
    np.testing.assert_array_equal(forces, kept)


def test_constraints_are_applied_by_ase(atoms):
    atoms.set_constraint(FixAtoms([0]))
    assert not atoms.get_forces()[0].any()
    assert atoms.get_forces(apply_constraint=False)[0].any()


def test_relaxation_reduces_energy_and_forces(atoms):
    before, largest = atoms.get_potential_energy(), np.abs(atoms.get_forces()).max()
    BFGS(atoms, logfile=None, maxstep=0.05).run(fmax=0.2 * largest, steps=40)
    assert atoms.get_potential_energy() < before
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < largest


def test_cell_relaxation_reduces_energy(atoms):
    before, cell = atoms.get_potential_energy(), atoms.cell.array.copy()
    BFGS(FrechetCellFilter(atoms), logfile=None, maxstep=0.02).run(fmax=1e-3, steps=3)
    assert atoms.get_potential_energy() < before
    assert np.abs(atoms.cell.array - cell).max() > 1e-3


def drift(timestep: float, steps: int) -> float:
    atoms = make_atoms()
    velocities = np.random.default_rng(0).normal(size=(6, 3)) * np.sqrt(300 * units.kB / atoms.get_masses())[:, None]
    atoms.set_velocities(velocities)
    dynamics = VelocityVerlet(atoms, timestep * units.fs)
    total = []
    dynamics.attach(lambda: total.append(atoms.get_total_energy()))
    dynamics.run(steps)
    return np.ptp(total)


def test_molecular_dynamics_conserves_energy():
    """The error of velocity Verlet is of second order in the time step: nothing else drifts."""
    coarse, fine = drift(0.2, 20), drift(0.05, 80)
    assert fine < 1e-4
    assert coarse / fine == pytest.approx(16, rel=0.5)
