"""The ASE calculator: properties and their signs, boundaries, caching, optimizers and dynamics."""

from __future__ import annotations

import copy
import pickle

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
from ..models import graph_file, native_potential, potential

NAME = "two_sides"
WITH_PARAMETERS = "fparam_aparam"


def make_atoms(shape="triclinic", calculator=None) -> Atoms:
    frame = make_frame(shape)
    atoms = Atoms(np.array(["O", "H"])[frame.types], frame.coord, cell=frame.cell, pbc=frame.cell is not None)
    atoms.calc = calculator or DP(potential(NAME))
    return atoms


@pytest.fixture
def atoms() -> Atoms:
    return make_atoms()


@pytest.mark.parametrize("make", [potential, native_potential])
@pytest.mark.parametrize("shape", ["triclinic", "small", "open"])
def test_properties(shape, make):
    frame, atoms = make_frame(shape), make_atoms(shape, DP(make(NAME)))
    results = make(NAME).eval(frame.coord, frame.cell, frame.types, atomic=True)
    energy, force, virial, atom_energy, atom_virial = results
    assert isinstance(atoms.get_potential_energy(), float)
    assert atoms.get_potential_energy() == energy[0, 0]
    assert atoms.get_potential_energy(force_consistent=True) == energy[0, 0]
    np.testing.assert_array_equal(atoms.get_forces(), force[0])
    np.testing.assert_allclose(atoms.get_potential_energies(), atom_energy[0, :, 0], rtol=0, atol=1e-13)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
    if frame.cell is None:
        for ask in (atoms.get_stress, atoms.get_stresses):
            with pytest.raises(PropertyNotImplementedError):
                ask()
    else:
        stress = atoms.get_stress(voigt=False)
        np.testing.assert_allclose(stress, -virial.reshape(3, 3) / atoms.get_volume(), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(stress, stress.T)
        each = -atom_virial.reshape(-1, 3, 3) / atoms.get_volume()
        symmetric = (each + each.swapaxes(1, 2)) / 2
        np.testing.assert_allclose(atoms.get_stresses(voigt=False), symmetric, rtol=0, atol=1e-12)
        np.testing.assert_allclose(atoms.get_stresses().sum(axis=0), atoms.get_stress(), rtol=0, atol=1e-12)


def test_from_a_file():
    expected = make_atoms().get_potential_energy()
    for model in (graph_file(NAME), str(graph_file(NAME))):
        assert make_atoms(calculator=DP(model)).get_potential_energy() == expected


@pytest.mark.parametrize("shape", ["triclinic", "small"])
def test_stress_is_the_energy_derivative_by_strain_over_volume(shape):
    """The stress has ASE's sign, positive under tension, and Voigt order xx yy zz yz xz xy."""
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
    """A surface from ASE without vacuum has energy and forces, but no volume and therefore no stress."""
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
    """`type_dict` replaces the type map of the model."""
    atoms = make_atoms()
    swapped = make_atoms(calculator=DP(potential(NAME), type_dict={"O": 1, "H": 0}))
    expected = make_atoms()
    expected.symbols = ["H" if symbol == "O" else "O" for symbol in atoms.symbols]
    assert swapped.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-12)
    assert swapped.get_potential_energy() != pytest.approx(atoms.get_potential_energy(), abs=1e-3)


def parameters_of(atoms: Atoms, seed: int):
    rng = np.random.default_rng(seed)
    return rng.normal(size=1), rng.normal(size=(len(atoms), 2))


@pytest.mark.parametrize("make", [potential, native_potential])
class TestParameters:
    def expected(self, make, atoms, fparam, aparam):
        types = [0 if symbol == "O" else 1 for symbol in atoms.symbols]
        return make(WITH_PARAMETERS).eval(atoms.positions, atoms.cell.array, types, fparam, aparam)

    def assert_results(self, make, atoms, fparam, aparam):
        energy, force, _ = self.expected(make, atoms, fparam, aparam)
        assert atoms.get_potential_energy() == energy[0, 0]
        np.testing.assert_array_equal(atoms.get_forces(), force[0])

    def test_of_the_calculator(self, make):
        atoms = make_atoms()
        fparam, aparam = parameters_of(atoms, 0)
        atoms.calc = DP(make(WITH_PARAMETERS), fparam=fparam, aparam=aparam)
        self.assert_results(make, atoms, fparam, aparam)
        other, _ = parameters_of(atoms, 1)
        atoms.calc.set(fparam=other)
        self.assert_results(make, atoms, other, aparam)

    def test_of_the_atoms_come_before(self, make):
        atoms = make_atoms()
        fparam, aparam = parameters_of(atoms, 0)
        first, second = parameters_of(atoms, 1), parameters_of(atoms, 2)
        atoms.calc = DP(make(WITH_PARAMETERS), fparam=fparam, aparam=aparam)
        atoms.info["fparam"] = first[0]
        atoms.info["aparam"] = first[1]
        self.assert_results(make, atoms, *first)
        atoms.set_array("aparam", second[1])
        self.assert_results(make, atoms, first[0], second[1])

    def test_changes_are_seen(self, make):
        atoms = make_atoms(calculator=DP(make(WITH_PARAMETERS)))
        fparam, aparam = parameters_of(atoms, 0)
        atoms.info["fparam"] = fparam
        atoms.set_array("aparam", aparam)
        self.assert_results(make, atoms, fparam, aparam)
        atoms.arrays["aparam"][2, 1] += 0.3
        self.assert_results(make, atoms, fparam, atoms.arrays["aparam"])
        atoms.info["fparam"][0] -= 0.2
        self.assert_results(make, atoms, atoms.info["fparam"], atoms.arrays["aparam"])

    def test_missing(self, make):
        with pytest.raises(InputError, match="fparam: the model needs 1 per frame"):
            make_atoms(calculator=DP(make(WITH_PARAMETERS))).get_potential_energy()

    def test_unused_information_is_ignored(self, make):
        """A model without parameters ignores ``atoms.info``, which may contain anything."""
        atoms = make_atoms(calculator=DP(make(NAME)))
        expected = atoms.get_potential_energy()
        atoms.info["fparam"] = "from somewhere"
        assert atoms.get_potential_energy() == expected
        atoms.calc.set(fparam=[1.0])
        with pytest.raises(InputError, match="fparam: given, but the model takes none"):
            atoms.get_potential_energy()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["copy", "pickle"])
@pytest.mark.parametrize("used", [False, True])
def test_copies(copied, used):
    atoms = make_atoms(calculator=DP(graph_file(NAME), type_dict={"O": 1, "H": 0}))
    other = make_atoms(calculator=copied(atoms.calc)) if not used else None
    forces = atoms.get_forces()
    other = other or make_atoms(calculator=copied(atoms.calc))
    np.testing.assert_array_equal(other.get_forces(), forces)
    other.positions[0] += 0.1
    assert np.abs(other.get_forces() - forces).max() > 1e-3
    np.testing.assert_array_equal(atoms.get_forces(), forces)
    assert atoms.calc.atoms == atoms


def changes():
    """Return changes of atoms between two evaluations."""

    def set_positions(atoms):
        atoms.rattle(0.05, seed=3)

    def strain(atoms):
        atoms.set_cell(atoms.cell.array * 1.02, scale_atoms=True)

    def strain_only_the_cell(atoms):
        atoms.cell[1, 0] += 0.1

    def open_an_axis(atoms):
        atoms.pbc = (True, atoms.pbc[1] ^ True, True)

    def exchange_elements(atoms):
        atoms.symbols = atoms.symbols[::-1]

    def reorder(atoms):
        order = np.random.default_rng(0).permutation(len(atoms))
        atoms.arrays = {name: values[order] for name, values in atoms.arrays.items()}

    def remove_an_atom(atoms):
        del atoms[2]

    return [value for value in locals().values() if callable(value)]


@pytest.mark.parametrize("change", changes(), ids=lambda change: change.__name__)
def test_results_follow_every_change(change):
    """A calculator that was used for other atoms gives the results of a new one."""
    atoms = make_atoms(calculator=DP(native_potential(NAME)))
    for steps in (1, 2):
        for _ in range(steps):
            change(atoms)
            fresh = atoms.copy()
            fresh.calc = DP(native_potential(NAME))
            assert atoms.get_potential_energy() == fresh.get_potential_energy()
            np.testing.assert_array_equal(atoms.get_forces(), fresh.get_forces())
            np.testing.assert_array_equal(atoms.get_stress(), fresh.get_stress())
            assert atoms.calc.atoms == atoms
        atoms.rattle(0.02, seed=steps)


@pytest.mark.parametrize("pbc", [(True,) * 3, (True, False, True), (False,) * 3])
def test_trajectory_is_that_of_single_evaluations(pbc):
    atoms = make_atoms(calculator=DP(native_potential(NAME)))
    atoms.pbc, rng = pbc, np.random.default_rng(5)
    types = [0 if symbol == "O" else 1 for symbol in atoms.symbols]
    for _ in range(4):
        atoms.positions += rng.normal(0, 0.05, (len(atoms), 3))
        cell = atoms.cell.array if any(pbc) else None
        results = native_potential(NAME).eval(atoms.positions, cell, types, atomic=True, pbc=pbc)
        assert atoms.get_potential_energy() == results[0][0, 0]
        np.testing.assert_array_equal(atoms.get_forces(), results[1][0])
        np.testing.assert_array_equal(atoms.get_potential_energies(), results[3][0, :, 0])


class TestRefusalsDuringASimulation:
    """Errors have the same message on every step, and the calculator works after them."""

    REFUSED = (
        (lambda atoms: atoms.positions.__setitem__((3, 1), np.nan), r"coords: frame 0, atom 3: .*nan.* is not finite"),
        (lambda atoms: atoms.positions.__setitem__(4, atoms.positions[1]), "atoms 1 and 4 are at the same position"),
        (lambda atoms: atoms.cell.__setitem__(0, np.inf), r"cells: frame 0, vector 0: .*inf.* is not finite"),
        (lambda atoms: atoms.cell.__setitem__(2, atoms.cell[1]), "frame 0 has no volume"),
        (lambda atoms: atoms.symbols.__setitem__(0, "Xe"), r"does not know the element\(s\) Xe"),
    )

    def test_stress_after_a_refusal(self):
        """After an error, the stress uses the new cell, also if the cell does not change again."""
        atoms = make_atoms(calculator=DP(native_potential(NAME)))
        atoms.get_stress()
        position = atoms.positions[3].copy()
        atoms.set_cell(atoms.cell.array * 1.1)
        atoms.positions[3] = np.nan
        with pytest.raises(InputError):
            atoms.get_stress()
        atoms.positions[3] = position
        fresh = atoms.copy()
        fresh.calc = DP(native_potential(NAME))
        np.testing.assert_array_equal(atoms.get_stress(), fresh.get_stress())

    @pytest.mark.parametrize("make", [potential, native_potential])
    @pytest.mark.parametrize(("break_it", "message"), REFUSED)
    def test_refusal(self, make, break_it, message):
        atoms = make_atoms(calculator=DP(make(NAME)))
        good, energy, stress = atoms.copy(), atoms.get_potential_energy(), atoms.get_stress()
        for _ in range(2):
            break_it(atoms)
            for _ in range(2):
                with pytest.raises(InputError, match=message):
                    atoms.get_forces()
            atoms.symbols = good.symbols
            atoms.positions[:], atoms.cell[:] = good.positions, good.cell
            assert atoms.get_potential_energy() == energy
            np.testing.assert_array_equal(atoms.get_stress(), stress)


@pytest.fixture(params=[potential, native_potential], ids=["portable", "native"])
def counted(request, monkeypatch):
    """Return a calculator and the list of its evaluations."""
    calculator, calls = DP(request.param(NAME)), []
    run = calculator.dp.runner.run
    monkeypatch.setattr(calculator.dp.runner, "run", lambda *a: calls.append(a) or run(*a))
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
        lambda: atoms.__delitem__(3),
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
    """The energy drift is the error of velocity Verlet, of second order in the time step."""
    coarse, fine = drift(0.2, 20), drift(0.05, 80)
    assert fine < 1e-4
    assert coarse / fine == pytest.approx(16, rel=0.5)
