"""All interfaces give the same energies, forces and virials, and the energies of the definition of the model."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from .. import reference
from ..models import potential, variant_config, variant_values
from .interfaces import INTERFACES, MODEL, Result, result_from_arrays
from .systems import SYSTEMS, System

CASES = [
    pytest.param(name, label, marks=interface.marks, id=f"{name}-{label}")
    for name, interface in INTERFACES.items()
    for label, system in SYSTEMS.items()
    if interface.takes(system)
]


def isolating_cell(system: System) -> np.ndarray | None:
    """Return a cell with open axes too long for neighbors across them; here they are perpendicular to the others."""
    cell = system.frame.cell
    return np.where(np.array(system.pbc)[:, None], cell, 1e2 * np.eye(3)) if system.mixed else cell


@functools.cache
def expected(label: str) -> Result:
    """Return the energy by definition, and force and virial of the portable graph, which other tests verify."""
    system = SYSTEMS[label]
    frame, cell = system.frame, isolating_cell(system)
    model, values = variant_config(MODEL).model, variant_values(MODEL)
    energies = reference.atomic_energies(model, values, frame.coord, cell, frame.types)
    return result_from_arrays(energies.sum(), *potential(MODEL).eval(frame.coord, cell, frame.types)[1:])


@pytest.mark.parametrize(("interface", "system"), CASES)
def test_equal(interface, system, results):
    got, desired = results(interface)[system], expected(system)
    for name, actual, value in zip(Result._fields, got, desired, strict=True):
        atol = INTERFACES[interface].bound * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(actual, value, rtol=0, atol=atol, err_msg=name)


def test_systems_are_not_trivial():
    """Energies, forces and virials are large enough to reveal errors, except for isolated atoms."""
    for label, system in SYSTEMS.items():
        energy, force, virial = expected(label)
        alone = system.frame.natoms == 1
        assert abs(energy) > 0.1
        assert (np.abs(force).max() > 0.1) != alone
        assert (np.abs(virial).max() > 0.1) != label.startswith("isolated")


def test_order_of_atoms():
    given, other = expected("triclinic"), expected("types in another order")
    assert other.energy == pytest.approx(given.energy, abs=1e-11)
    np.testing.assert_allclose(other.force, given.force[[3, 0, 5, 1, 4, 2]], rtol=0, atol=1e-11)


def test_atoms_outside_the_cell_are_wrapped():
    given, outside = expected("triclinic"), expected("atoms outside the cell")
    for part, other in zip(given, outside, strict=True):
        np.testing.assert_allclose(other, part, rtol=0, atol=1e-11)
