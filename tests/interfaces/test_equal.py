"""Every interface gives the same energies, forces and virials, and the energies of the model's definition."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from .. import reference
from ..models import potential, variant_config, variant_values
from .interfaces import INTERFACES, MODEL, Result, of_arrays
from .systems import SYSTEMS, System

CASES = [
    pytest.param(name, label, marks=interface.marks, id=f"{name}-{label}")
    for name, interface in INTERFACES.items()
    for label, system in SYSTEMS.items()
    if interface.takes(system)
]


def wide(system: System) -> np.ndarray | None:
    """A cell whose open axes, perpendicular to the others here, are too long for neighbors across them."""
    cell = system.frame.cell
    return np.where(np.array(system.pbc)[:, None], cell, 1e2 * np.eye(3)) if system.mixed else cell


@functools.cache
def expected(label: str) -> Result:
    """The energy by definition; forces and virial, whose differences other tests take, of the portable graph."""
    system = SYSTEMS[label]
    frame, cell = system.frame, wide(system)
    model, values = variant_config(MODEL).model, variant_values(MODEL)
    energies = reference.atomic_energies(model, values, frame.coord, cell, frame.types)
    return of_arrays(energies.sum(), *potential(MODEL).eval(frame.coord, cell, frame.types)[1:])


@pytest.mark.parametrize(("interface", "system"), CASES)
def test_equal(interface, system, results):
    got, desired = results(interface)[system], expected(system)
    for name, actual, value in zip(Result._fields, got, desired, strict=True):
        atol = INTERFACES[interface].bound * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(actual, value, rtol=0, atol=atol, err_msg=name)


def test_systems_are_not_trivial():
    """Forces and virials that could be wrong, and frames that differ in what they are listed for."""
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


def test_atoms_outside_are_atoms_inside():
    given, outside = expected("triclinic"), expected("atoms outside the cell")
    for part, other in zip(given, outside, strict=True):
        np.testing.assert_allclose(other, part, rtol=0, atol=1e-11)
