"""What every potential must obey, applied to every variant of the model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ..frames import Frame, make_frame
from ..models import VARIANTS, potential, variant_config

pytestmark = pytest.mark.parametrize("name", VARIANTS)
SHAPES = pytest.mark.parametrize("shape", ["triclinic", "small", "open"])


class Result(NamedTuple):
    """Of frames that share their atoms; all arrays begin with nframes."""

    energy: np.ndarray
    force: np.ndarray
    virial: np.ndarray
    atom_energy: np.ndarray
    atom_virial: np.ndarray


def evaluate(name: str, frame: Frame, coords=None, cells=None) -> Result:
    """Evaluate a frame, or others that differ from it in coordinates and cells."""
    coords = frame.coord[None] if coords is None else np.asarray(coords)
    if cells is None and frame.cell is not None:
        cells = np.broadcast_to(frame.cell, (len(coords), 3, 3))
    energy, *rest = potential(name).eval(coords, cells, frame.types, frame.fparam, frame.aparam, atomic=True)
    return Result(energy[:, 0], *rest)


def frame_of(name: str, shape: str = "triclinic") -> Frame:
    return make_frame(shape, config=variant_config(name))


def tolerance(name: str, float64: float = 1e-11, float32: float = 1e-5) -> float:
    return float32 if "float32" in name else float64


def assert_same(result: Result, expected: Result, tol: float) -> None:
    for field, actual, desired in zip(Result._fields, result, expected, strict=True):
        np.testing.assert_allclose(actual, desired, rtol=0, atol=tol * max(1, np.abs(desired).max()), err_msg=field)


def central(energies: np.ndarray, step: float) -> np.ndarray:
    """Derivatives from energies at +step of every variable, then at -step."""
    plus, minus = np.split(energies, 2)
    return (plus - minus) / (2 * step)


def step_and_tolerance(name: str) -> tuple[float, float]:
    """Float32 energies carry noise of 1e-7 of their size, so the step is wider and the agreement less."""
    return (3e-3, 5e-3) if "float32" in name else (2e-5, 1e-6)


def size(values: np.ndarray) -> float:
    """What an error is compared with: the largest value, or 0.1 where symmetry leaves next to nothing."""
    return max(0.1, np.abs(values).max())


@pytest.mark.parametrize("shape", ["orthorhombic", "triclinic", "rotated"])
def test_forces_are_not_small(name, shape):
    """The suite would say nothing of a model without forces."""
    assert np.abs(evaluate(name, frame_of(name, shape)).force).max() > 0.03


@SHAPES
def test_force_is_minus_energy_gradient(name, shape):
    frame = frame_of(name, shape)
    step, tol = step_and_tolerance(name)
    moves = step * np.eye(3 * frame.natoms).reshape(-1, frame.natoms, 3)
    energies = evaluate(name, frame, np.concatenate([frame.coord + moves, frame.coord - moves])).energy
    force = evaluate(name, frame).force[0]
    np.testing.assert_allclose(force.ravel(), -central(energies, step), rtol=0, atol=tol * size(force))


@SHAPES
def test_virial_is_minus_energy_derivative_by_strain(name, shape):
    frame = frame_of(name, shape)
    step, tol = step_and_tolerance(name)
    strains = np.eye(3) + step * np.concatenate([np.eye(9), -np.eye(9)]).reshape(-1, 3, 3)
    cells = None if frame.cell is None else frame.cell @ strains
    energies = evaluate(name, frame, frame.coord @ strains, cells).energy
    virial = evaluate(name, frame).virial[0]
    np.testing.assert_allclose(virial, -central(energies, step), rtol=0, atol=tol * size(virial))


@SHAPES
def test_atomic_parts_sum_to_the_whole(name, shape):
    frame = frame_of(name, shape)
    result = evaluate(name, frame)
    np.testing.assert_allclose(result.atom_energy.sum(axis=(1, 2)), result.energy, rtol=1e-13)
    np.testing.assert_allclose(result.atom_virial.sum(axis=1), result.virial, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.force.sum(axis=1), 0, atol=1e-12)


@SHAPES
def test_translation(name, shape):
    frame = frame_of(name, shape)
    shifts = np.array([[0.3, -0.7, 1.9], [40.0, -25.0, 3.0]])
    result = evaluate(name, frame, frame.coord + shifts[:, None, :])
    for k in range(2):
        moved = Result(*(part[k : k + 1] for part in result))
        assert_same(moved, evaluate(name, frame), tolerance(name))


@pytest.mark.parametrize("shape", ["triclinic", "small"])
def test_whole_cell_vectors_move_no_atom(name, shape):
    frame = frame_of(name, shape)
    jumps = np.random.default_rng(3).integers(-2, 3, (frame.natoms, 3)) @ frame.cell
    assert_same(evaluate(name, frame, frame.coord[None] + jumps), evaluate(name, frame), tolerance(name))


@SHAPES
@pytest.mark.parametrize("handedness", [1, -1], ids=["rotation", "reflection"])
def test_rotation(name, shape, handedness):
    frame = frame_of(name, shape)
    turn = handedness * Rotation.from_euler("xyz", [0.4, 1.1, -2.3]).as_matrix()
    expected = evaluate(name, frame)
    cells = None if frame.cell is None else (frame.cell @ turn)[None]
    result = evaluate(name, frame, (frame.coord @ turn)[None], cells)

    def turned(virial):
        return np.reshape(turn.T @ virial.reshape(*virial.shape[:-1], 3, 3) @ turn, virial.shape)

    assert_same(
        result,
        expected._replace(
            force=expected.force @ turn, virial=turned(expected.virial), atom_virial=turned(expected.atom_virial)
        ),
        tolerance(name),
    )


@SHAPES
def test_permutation(name, shape):
    """Atoms in another order: what belongs to an atom moves with it; equal atoms may be exchanged."""
    frame = frame_of(name, shape)
    order = np.random.default_rng(5).permutation(frame.natoms)
    expected = evaluate(name, frame)
    assert_same(
        evaluate(name, frame.subset(order)),
        expected._replace(
            force=expected.force[:, order],
            atom_energy=expected.atom_energy[:, order],
            atom_virial=expected.atom_virial[:, order],
        ),
        tolerance(name),
    )
    equal = np.flatnonzero(frame.types == frame.types[0])
    swapped = np.arange(frame.natoms)
    swapped[equal] = np.roll(equal, 1)
    assert (frame.types[swapped] == frame.types).all()
    energies = evaluate(name, frame.subset(swapped)).energy
    np.testing.assert_allclose(energies, expected.energy, rtol=tolerance(name))


@pytest.mark.parametrize("shape", ["triclinic", "small", "open"])
def test_frames_of_a_batch_do_not_meet(name, shape):
    frame = frame_of(name, shape)
    rng = np.random.default_rng(7)
    coords = frame.coord + rng.normal(0, 0.05, (3, frame.natoms, 3))
    cells = None if frame.cell is None else frame.cell * np.array([1.0, 1.02, 0.99])[:, None, None]

    def some(frames):
        return evaluate(name, frame, coords[frames], None if cells is None else cells[frames])

    together = some([0, 1, 2])
    alone = Result(*(np.concatenate(parts) for parts in zip(*(some([k]) for k in range(3)), strict=True)))
    assert_same(alone, together, tolerance(name))
    back = some([2, 0, 1])
    assert_same(Result(*(part[[1, 2, 0]] for part in back)), together, tolerance(name))


def test_smooth_at_the_cutoff(name):
    """An atom leaves the sphere of another: energy and force change without a step."""
    config = variant_config(name)
    rcut = config.model.descriptor.rcut
    pair = frame_of(name, "open").subset([0, 1, 2]).replace(coord=np.array([[0, 0, 0], [0.0, 1.2, 0], [1, 0, 0]]))
    direction = np.array([0.6, -0.64, 0.48])

    def at(distance):
        return evaluate(name, pair, [[[0, 0, 0], [0.0, 1.2, 0], distance * direction]])

    near, inside, outside, far = at(rcut - 0.5), at(rcut - 1e-4), at(rcut + 1e-4), at(rcut + 5.0)
    model = config.model
    if any(member.type == "se_a_ebd_v2" and not member.set_davg_zero for member in model.descriptor.members):
        # As DeePMD-kit defines strip mode, an empty slot has no species while the neighbor that left it had one.
        assert abs(inside.energy[0] - outside.energy[0]) > 1e-5
        return
    assert_same(inside, outside, tolerance(name, 1e-7, 1e-6))
    assert abs(inside.energy[0] - outside.energy[0]) < tolerance(name, 1e-10, 1e-5)
    # Beyond the cutoff of atom 0 the third atom still sees atom 1 or nothing: only then is the energy constant.
    assert np.abs(outside.force[0, 0] - far.force[0, 0]).max() < 1e-12
    interacting = name not in {"exclude_unlike", "exclude_like"}
    assert not interacting or abs(near.energy[0] - far.energy[0]) > 1e-7


def test_isolated_atom(name):
    config = variant_config(name)
    model = config.model
    for kind in range(len(model.type_map)):
        frame = frame_of(name, "open").subset([0]).replace(coord=np.array([[1.0, 2.0, 3.0]]), types=np.array([kind]))
        for cell in (None, 20.0 * np.eye(3)):
            result = evaluate(name, frame.replace(cell=cell))
            assert np.isfinite(result.energy).all()
            assert not result.force.any() and not result.virial.any() and not result.atom_virial.any()
            if model.fitting_net.atom_ener and model.fitting_net.atom_ener[kind] is not None:
                assert result.energy[0] == pytest.approx(model.fitting_net.atom_ener[kind], abs=1e-14)


def test_two_far_molecules(name):
    frame = frame_of(name, "open")
    first, second = frame.subset([0, 1, 2]), frame.subset([3, 4, 5])
    apart = frame.replace(coord=frame.coord + np.array([0, 0, 0, 1, 1, 1])[:, None] * np.array([30.0, 10.0, -20.0]))
    both, one, other = (evaluate(name, part) for part in (apart, first, second))
    tol = tolerance(name)
    np.testing.assert_allclose(both.energy, one.energy + other.energy, rtol=0, atol=tol)
    np.testing.assert_allclose(both.virial, one.virial + other.virial, rtol=0, atol=tol * np.abs(both.virial).max())
    np.testing.assert_allclose(both.force, np.concatenate([one.force, other.force], axis=1), rtol=0, atol=tol)


@pytest.mark.parametrize("shape", ["triclinic", "small"])
def test_two_cells_have_twice_the_energy(name, shape):
    frame = frame_of(name, shape)
    once = evaluate(name, frame)
    for axis in range(3):
        cell = frame.cell.copy()
        cell[axis] *= 2
        double = Frame(
            np.concatenate([frame.coord, frame.coord + frame.cell[axis]]),
            cell,
            np.tile(frame.types, 2),
            frame.fparam,
            None if frame.aparam is None else np.tile(frame.aparam, (2, 1)),
        )
        twice = evaluate(name, double)
        expected = Result(
            2 * once.energy,
            np.tile(once.force, (1, 2, 1)),
            2 * once.virial,
            np.tile(once.atom_energy, (1, 2, 1)),
            np.tile(once.atom_virial, (1, 2, 1)),
        )
        # The atomic virial credits each pair to its neighbor, image or not, so copies share it evenly.
        assert_same(twice, expected, tolerance(name))


def test_torque_of_a_molecule_is_zero(name):
    frame = frame_of(name, "open")
    torque = np.cross(frame.coord, evaluate(name, frame).force[0]).sum(axis=0)
    np.testing.assert_allclose(torque, 0, atol=tolerance(name, 1e-11, 1e-4))


def test_open_equals_a_wide_cell(name):
    frame = frame_of(name, "open")
    assert_same(evaluate(name, frame.replace(cell=np.diag([30.0, 35, 40]))), evaluate(name, frame), tolerance(name))
