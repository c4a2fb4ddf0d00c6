"""The physics checks accept a correct potential and reject each fault that they are for."""

from __future__ import annotations

import doctest
import inspect

import numpy as np
import pytest

from deepmd_tf import testing
from deepmd_tf.testing import GradientChecks, PhysicsChecks, Prediction, Subject


def documented() -> dict:
    """Return the names that the example of the package defines."""
    names: dict = {}
    source = "".join(example.source for example in doctest.DocTestParser().get_examples(testing.__doc__))
    exec(source, names)
    return names


EXAMPLE = documented()
evaluate = EXAMPLE["evaluate"]


class TestExample(EXAMPLE["TestPairPotential"]):
    """The example of the documentation passes all checks."""


def cases(checks) -> list[tuple[str, dict]]:
    """Return the names of the checks with the arguments that they are run with."""
    result = []
    for name, function in inspect.getmembers(checks, inspect.isfunction):
        if name.startswith("test_"):
            arguments: list[dict] = [{}]
            for mark in getattr(function, "pytestmark", ()):
                key, values = mark.args
                arguments = [{**given, key: value} for given in arguments for value in values]
            result += [(name, given) for given in arguments]
    return result


def failures(function, *names, **properties) -> set[str]:
    """Return the names of the checks, all or some, that a potential fails."""
    subject = Subject(function, **{"cutoff": 3.0, **properties})
    failed = set()
    for name, arguments in cases(PhysicsChecks):
        if not names or name in names:
            try:
                getattr(PhysicsChecks(), name)(subject, **arguments)
            except AssertionError:
                failed.add(name)
    return failed


def changed(**functions):
    """Return the potential of the example with functions applied to fields of its prediction."""

    def function(coord, cell, types, *parameters):
        result = evaluate(coord, cell, types)
        return result._replace(
            **{name: change(getattr(result, name), coord, cell) for name, change in functions.items()}
        )

    return function


def anisotropic(coord, cell, types, *parameters):
    """Add the energy of a fixed direction, with its force and virial, to that of the example."""
    result = evaluate(coord, cell, types)
    return result._replace(energy=result.energy + 1e-3 * np.ptp(coord[..., 0], axis=1))


def order_dependent(coord, cell, types, *parameters):
    """Weight the first atom as if it were of another type."""
    types = types.copy()
    types[0] += 1
    return evaluate(coord, cell, types)


def without_images(coord, cell, types, *parameters):
    """Ignore the periodic boundaries."""
    return evaluate(coord, None, types)


def mixing(coord, cell, types, *parameters):
    """Add the mean energy of the batch to each frame."""
    result = evaluate(coord, cell, types)
    return result._replace(energy=result.energy + result.energy.mean())


def swirling(coord, cell, types, *parameters):
    """Turn all forces by a small angle about the z axis."""
    result = evaluate(coord, cell, types)
    x, y, z = np.moveaxis(result.force, -1, 0)
    return result._replace(force=np.stack([x - 1e-3 * y, y + 1e-3 * x, z], axis=-1))


def jumping(coord, cell, types, *parameters):
    """Add a constant energy for each pair within the cutoff."""
    result = evaluate(coord, cell, types)
    r = np.linalg.norm(coord[:, :, None] - coord[:, None], axis=-1)
    return result._replace(energy=result.energy + 1e-3 * (r < 3.0).sum(axis=(1, 2)))


FAULTS = {
    "sign of the force": (changed(force=lambda f, *_: -f), "test_force_is_minus_energy_gradient"),
    "factor of the virial": (changed(virial=lambda v, *_: 1.001 * v), "test_virial_is_minus_strain_derivative"),
    "no forces": (changed(force=lambda f, *_: 0 * f), "test_forces_are_large"),
    "force on the center of mass": (changed(force=lambda f, *_: f + 1e-9), "test_atomic_parts_sum_to_the_total"),
    "absolute position": (changed(energy=lambda e, r, _: e + 1e-6 * r[:, 0, 0]), "test_translation"),
    "atoms outside the cell": (without_images, "test_lattice_translation_of_single_atoms"),
    "a fixed direction": (anisotropic, "test_rotation"),
    "order of the atoms": (order_dependent, "test_permutation"),
    "frames of a batch": (mixing, "test_frames_of_a_batch_are_independent"),
    "a step at the cutoff": (jumping, "test_smooth_at_the_cutoff"),
    "a force on one atom": (changed(force=lambda f, r, _: f + (r.shape[1] == 1)), "test_isolated_atom"),
    "long range": (changed(energy=lambda e, r, _: e + 1e-3 * np.ptp(r, axis=(1, 2))), "test_separated_molecules"),
    "size of the cell": (changed(energy=lambda e, r, _: e + 1e-3), "test_doubled_cell"),
    "torque": (swirling, "test_torque_of_a_molecule_is_zero"),
    "open boundaries": (
        changed(energy=lambda e, _, cell: e + (0 if cell is None else 1e-6)),
        "test_open_boundaries_equal_a_wide_cell",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault):
    function, check = FAULTS[fault]
    assert failures(function, check) == {check}


def test_every_check_finds_a_fault():
    assert {check for _, check in FAULTS.values()} == {name for name, _ in cases(PhysicsChecks)}


def test_gradient_checks_are_part_of_the_physics_checks():
    names = {name for name, _ in cases(GradientChecks)}
    assert names and names < {name for name, _ in cases(PhysicsChecks)}


def test_properties_of_a_subject_are_checked():
    """A potential that is declared not smooth must jump, and a known energy must be exact."""
    assert failures(evaluate, smooth=False) == {"test_smooth_at_the_cutoff"}
    assert failures(evaluate, isolated={1: 1e-9}) == {"test_isolated_atom"}
    assert failures(evaluate, isolated={1: 0.0}) == set()


def test_atomic_parts_are_compared():
    def with_atoms(coord, cell, types, *parameters):
        result = evaluate(coord, cell, types)
        energies = np.tile(result.energy[:, None, None] / len(types), (1, len(types), 1))
        return Prediction(*result[:3], energies + 1e-3, None)

    assert failures(with_atoms, "test_atomic_parts_sum_to_the_total")


def test_the_fixture_must_be_defined():
    with pytest.raises(NotImplementedError, match="define the fixture `subject` in PhysicsChecks"):
        PhysicsChecks().subject.__wrapped__(PhysicsChecks())
