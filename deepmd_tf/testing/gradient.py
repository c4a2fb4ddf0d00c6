"""Forces and virials against finite differences of the energy."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.testing.subject import Subject

SHAPES = pytest.mark.parametrize("shape", ["triclinic", "small", "open"])


class GradientChecks:
    """Checks of forces and virials against the energy; see `deepmd_tf.testing`."""

    @pytest.fixture
    def subject(self) -> Subject:
        """Return the potential under test; a class that inherits the checks overrides this."""
        raise NotImplementedError(f"define the fixture `subject` in {type(self).__name__}")

    @pytest.mark.parametrize("shape", ["orthorhombic", "triclinic", "rotated"])
    def test_forces_are_large(self, subject, shape):
        """Check that the forces are large enough for the other checks to mean something."""
        assert np.abs(subject.evaluate(subject.frame(shape)).force).max() > 0.03

    @SHAPES
    def test_force_is_minus_energy_gradient(self, subject, shape):
        """Compare the forces with central differences of the energy."""
        frame = subject.frame(shape)
        step, tolerance = _step_and_tolerance(subject)
        moves = step * np.eye(3 * frame.natoms).reshape(-1, frame.natoms, 3)
        energies = subject.evaluate(frame, np.concatenate([frame.coord + moves, frame.coord - moves])).energy
        force = subject.evaluate(frame).force[0]
        np.testing.assert_allclose(
            force.ravel(), -_central_difference(energies, step), rtol=0, atol=tolerance * _scale(force)
        )

    @SHAPES
    def test_virial_is_minus_strain_derivative(self, subject, shape):
        """Compare the virial with central differences of the energy with respect to the strain."""
        frame = subject.frame(shape)
        step, tolerance = _step_and_tolerance(subject)
        strains = np.eye(3) + step * np.concatenate([np.eye(9), -np.eye(9)]).reshape(-1, 3, 3)
        cells = None if frame.cell is None else frame.cell @ strains
        energies = subject.evaluate(frame, frame.coord @ strains, cells).energy
        virial = subject.evaluate(frame).virial[0]
        np.testing.assert_allclose(
            virial, -_central_difference(energies, step), rtol=0, atol=tolerance * _scale(virial)
        )


def _central_difference(energies: np.ndarray, step: float) -> np.ndarray:
    """Return derivatives from energies at +step of every variable, followed by those at -step."""
    plus, minus = np.split(energies, 2)
    return (plus - minus) / (2 * step)


def _step_and_tolerance(subject: Subject) -> tuple[float, float]:
    """Return step and tolerance; float32 energies have a noise of 1e-7 of their size, so both are larger."""
    return (3e-3, 5e-3) if subject.single_precision else (2e-5, 1e-6)


def _scale(values: np.ndarray) -> float:
    """Return the largest value, or 0.1 if symmetry makes all of them small."""
    return max(0.1, np.abs(values).max())
