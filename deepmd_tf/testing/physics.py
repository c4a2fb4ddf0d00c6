"""Symmetries and limits of a potential."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepmd_tf.testing.frames import Frame
from deepmd_tf.testing.gradient import SHAPES, GradientChecks
from deepmd_tf.testing.subject import Prediction, assert_same

PERIODIC_SHAPES = pytest.mark.parametrize("shape", ["triclinic", "small"])


class PhysicsChecks(GradientChecks):
    """Checks that every potential must pass; see `deepmd_tf.testing`."""

    @SHAPES
    def test_atomic_parts_sum_to_the_total(self, subject, shape):
        """Check the sums of atomic energies, of atomic virials and of forces."""
        result = subject.evaluate(subject.frame(shape))
        if result.atom_energy is not None:
            np.testing.assert_allclose(result.atom_energy.sum(axis=(1, 2)), result.energy, rtol=1e-13)
        if result.atom_virial is not None:
            np.testing.assert_allclose(result.atom_virial.sum(axis=1), result.virial, rtol=0, atol=1e-12)
        np.testing.assert_allclose(result.force.sum(axis=1), 0, atol=1e-12)

    @SHAPES
    def test_translation(self, subject, shape):
        """Move all atoms together."""
        frame = subject.frame(shape)
        shifts = np.array([[0.3, -0.7, 1.9], [40.0, -25.0, 3.0]])
        result = subject.evaluate(frame, frame.coord + shifts[:, None, :])
        for k in range(2):
            moved = result.map(lambda part, k=k: part[k : k + 1])
            assert_same(moved, subject.evaluate(frame), subject.tolerance())

    @PERIODIC_SHAPES
    def test_lattice_translation_of_single_atoms(self, subject, shape):
        """Move each atom by a lattice vector of its own."""
        frame = subject.frame(shape)
        jumps = np.random.default_rng(3).integers(-2, 3, (frame.natoms, 3)) @ frame.cell
        moved = subject.evaluate(frame, frame.coord[None] + jumps)
        assert_same(moved, subject.evaluate(frame), subject.tolerance())

    @SHAPES
    @pytest.mark.parametrize("handedness", [1, -1], ids=["rotation", "reflection"])
    def test_rotation(self, subject, shape, handedness):
        """Rotate the frame, or rotate and invert it: energies stay, forces and virials rotate."""
        frame = subject.frame(shape)
        matrix = handedness * _rotation(0.4, 1.1, -2.3)
        expected = subject.evaluate(frame)
        cells = None if frame.cell is None else (frame.cell @ matrix)[None]
        result = subject.evaluate(frame, (frame.coord @ matrix)[None], cells)

        def rotated(virial):
            tensor = virial.reshape(*virial.shape[:-1], 3, 3)
            return np.reshape(matrix.T @ tensor @ matrix, virial.shape)

        atom_virial = None if expected.atom_virial is None else rotated(expected.atom_virial)
        expected = expected._replace(
            force=expected.force @ matrix, virial=rotated(expected.virial), atom_virial=atom_virial
        )
        assert_same(result, expected, subject.tolerance())

    @SHAPES
    def test_permutation(self, subject, shape):
        """Reorder the atoms: energy and virial stay, properties of atoms are reordered."""
        frame = subject.frame(shape)
        order = np.random.default_rng(5).permutation(frame.natoms)
        expected = subject.evaluate(frame)
        assert_same(
            subject.evaluate(frame.subset(order)),
            _per_atom(expected, lambda part: part[:, order]),
            subject.tolerance(),
        )
        equal = np.flatnonzero(frame.types == frame.types[0])
        swapped = np.arange(frame.natoms)
        swapped[equal] = np.roll(equal, 1)
        assert (frame.types[swapped] == frame.types).all()
        energies = subject.evaluate(frame.subset(swapped)).energy
        np.testing.assert_allclose(energies, expected.energy, rtol=subject.tolerance())

    @SHAPES
    def test_frames_of_a_batch_are_independent(self, subject, shape):
        """Evaluate frames together, alone, and in another order."""
        frame = subject.frame(shape)
        rng = np.random.default_rng(7)
        coords = frame.coord + rng.normal(0, 0.05, (3, frame.natoms, 3))
        cells = None if frame.cell is None else frame.cell * np.array([1.0, 1.02, 0.99])[:, None, None]

        def evaluate(frames):
            return subject.evaluate(frame, coords[frames], None if cells is None else cells[frames])

        together = evaluate([0, 1, 2])
        for k in range(3):
            assert_same(evaluate([k]), together.map(lambda part, k=k: part[k : k + 1]), subject.tolerance())
        reordered = evaluate([2, 0, 1])
        assert_same(reordered.map(lambda part: part[[1, 2, 0]]), together, subject.tolerance())

    def test_smooth_at_the_cutoff(self, subject):
        """Move an atom out of the cutoff sphere of another: energy and forces change without a step."""
        atoms = subject.frame("open").subset([0, 1, 2])
        direction = np.array([0.6, -0.64, 0.48])

        def at(distance):
            return subject.evaluate(atoms, [[[0, 0, 0], [0.0, 1.2, 0], distance * direction]])

        cutoff = subject.cutoff
        near, inside, outside, far = at(cutoff - 0.5), at(cutoff - 1e-4), at(cutoff + 1e-4), at(cutoff + 5.0)
        jump = abs(inside.energy[0] - outside.energy[0])
        if not subject.smooth:
            assert jump > 1e-5, "the potential is smooth: set Subject.smooth"
            return
        assert_same(inside, outside, subject.tolerance(1e-7, 1e-6))
        assert jump < subject.tolerance(1e-10, 1e-5)
        # Beyond the cutoff of atom 0, the force on it is that of atom 1 alone.
        assert np.abs(outside.force[0, 0] - far.force[0, 0]).max() < 1e-12
        assert abs(near.energy[0] - far.energy[0]) > 1e-7

    def test_isolated_atom(self, subject):
        """Check that a single atom has a finite energy, and neither force nor virial."""
        for kind in subject.types:
            frame = subject.frame("open").subset([0])
            frame = frame.replace(coord=np.array([[1.0, 2.0, 3.0]]), types=np.array([kind]))
            for cell in (None, 20.0 * np.eye(3)):
                result = subject.evaluate(frame.replace(cell=cell))
                assert np.isfinite(result.energy).all()
                assert not result.force.any() and not result.virial.any()
                assert result.atom_virial is None or not result.atom_virial.any()
                if kind in subject.isolated:
                    assert result.energy[0] == pytest.approx(subject.isolated[kind], abs=1e-14)

    def test_separated_molecules(self, subject):
        """Compare two molecules far apart with each of them alone."""
        frame = subject.frame("open")
        first, second = frame.subset([0, 1, 2]), frame.subset([3, 4, 5])
        distance = np.array([0, 0, 0, 1, 1, 1])[:, None] * np.array([30.0, 10.0, -20.0])
        both = subject.evaluate(frame.replace(coord=frame.coord + distance))
        one, other = subject.evaluate(first), subject.evaluate(second)
        tol = subject.tolerance()
        np.testing.assert_allclose(both.energy, one.energy + other.energy, rtol=0, atol=tol)
        np.testing.assert_allclose(both.virial, one.virial + other.virial, rtol=0, atol=tol * np.abs(both.virial).max())
        np.testing.assert_allclose(both.force, np.concatenate([one.force, other.force], axis=1), rtol=0, atol=tol)

    @PERIODIC_SHAPES
    def test_doubled_cell(self, subject, shape):
        """Double the cell along each axis: energy and virial double, properties of atoms repeat."""
        frame = subject.frame(shape)
        once = subject.evaluate(frame)
        # The atomic virial assigns each pair to the neighbor, image or not, so both copies have equal parts.
        expected = _per_atom(once, lambda part: np.tile(part, (1, 2, 1)))
        expected = expected._replace(energy=2 * once.energy, virial=2 * once.virial)
        for axis in range(3):
            assert_same(subject.evaluate(_doubled(frame, axis)), expected, subject.tolerance())

    def test_torque_of_a_molecule_is_zero(self, subject):
        """Check that the forces on an isolated molecule have no torque."""
        frame = subject.frame("open")
        torque = np.cross(frame.coord, subject.evaluate(frame).force[0]).sum(axis=0)
        np.testing.assert_allclose(torque, 0, atol=subject.tolerance(1e-11, 1e-4))

    def test_open_boundaries_equal_a_wide_cell(self, subject):
        """Compare a molecule with open boundaries with one in a wide cell."""
        frame = subject.frame("open")
        wide = dataclasses.replace(frame, cell=np.diag([30.0, 35, 40]))
        assert_same(subject.evaluate(wide), subject.evaluate(frame), subject.tolerance())


def _per_atom(prediction: Prediction, function) -> Prediction:
    """Return the prediction with a function applied to the arrays that have an axis of atoms."""
    changed = {
        name: function(part)
        for name, part in prediction._asdict().items()
        if name in ("force", "atom_energy", "atom_virial") and part is not None
    }
    return prediction._replace(**changed)


def _doubled(frame: Frame, axis: int) -> Frame:
    """Return two cells, one beside the other along an axis, as one frame."""
    cell = frame.cell.copy()
    cell[axis] *= 2
    aparam = None if frame.aparam is None else np.tile(frame.aparam, (2, 1))
    coord = np.concatenate([frame.coord, frame.coord + frame.cell[axis]])
    return Frame(coord, cell, np.tile(frame.types, 2), frame.fparam, aparam)


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """Return the matrix of rotations about the axes x, y and z, one after another (rad)."""
    matrix = np.eye(3)
    for axis, angle in enumerate((x, y, z)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix
