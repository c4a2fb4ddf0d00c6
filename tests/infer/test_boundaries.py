"""Boundary conditions per axis, compared with a wide vacuum and with the definition with the same images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from .. import reference
from ..frames import make_frame
from ..models import potential, variant_config, variant_values

NAME = "two_sides"
AXES = list(itertools.product((True, False), repeat=3))
LABEL = ["".join("p" if axis else "o" for axis in pbc) for pbc in AXES]


def evaluate(frame, pbc, cell=None):
    cell = frame.cell if cell is None else cell
    return potential(NAME).eval(frame.coord, cell, frame.types, atomic=True, pbc=pbc)


@pytest.mark.parametrize("pbc", AXES, ids=LABEL)
@pytest.mark.parametrize("shape", ["triclinic", "rotated", "small"])
def test_equals_the_definition(monkeypatch, pbc, shape):
    frame, config, values = make_frame(shape), variant_config(NAME), variant_values(NAME)
    found = reference.neighbors(frame.coord, frame.cell, 3.5, pbc)
    monkeypatch.setattr(reference, "neighbors", lambda *_: found)
    expected = reference.atomic_energies(config.model, values, frame.coord, frame.cell, frame.types)
    np.testing.assert_allclose(evaluate(frame, pbc)[3][0, :, 0], expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("pbc", AXES, ids=LABEL)
def test_equals_a_wide_vacuum(pbc):
    """Compare with a fully periodic cell in which the open axes are 100 Å long."""
    frame = make_frame("orthorhombic")
    wide = np.diag(np.where(pbc, np.diag(frame.cell), 100.0))
    for part, expected in zip(evaluate(frame, pbc), evaluate(frame, (True,) * 3, wide), strict=True):
        np.testing.assert_allclose(part, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("pbc", AXES[1:], ids=LABEL[1:])
def test_vectors_of_open_axes_are_not_read(pbc):
    frame = make_frame("triclinic")
    for other in (0.0, np.array([1.0, 2.0, 3.0])):
        cell = np.where(np.array(pbc)[:, None], frame.cell, other)
        for part, expected in zip(evaluate(frame, pbc, cell), evaluate(frame, pbc), strict=True):
            np.testing.assert_allclose(part, expected, rtol=0, atol=1e-11)


def test_each_frame_has_its_own_extent():
    frame = make_frame("triclinic")
    coords = np.stack([frame.coord, frame.coord * 3.0, frame.coord + 50.0])
    cells = frame.cell * np.array([1.0, 3.0, 1.0])[:, None, None]
    pbc = (True, False, True)
    together = potential(NAME).eval(coords, cells, frame.types, pbc=pbc)
    for k in range(3):
        alone = potential(NAME).eval(coords[k], cells[k], frame.types, pbc=pbc)
        for part, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(part[k], expected[0], rtol=0, atol=1e-11)


@pytest.mark.parametrize("pbc", AXES[1:-1], ids=LABEL[1:-1])
def test_force_and_virial_by_finite_differences(pbc):
    frame, step = make_frame("rotated"), 2e-5
    _, force, virial = evaluate(frame, pbc)[:3]
    moves = step * np.concatenate([np.eye(18), -np.eye(18)]).reshape(-1, 6, 3)
    cells = np.broadcast_to(frame.cell, (36, 3, 3))
    plus, minus = np.split(potential(NAME).eval(frame.coord + moves, cells, frame.types, pbc=pbc)[0][:, 0], 2)
    np.testing.assert_allclose(force.ravel(), (minus - plus) / (2 * step), rtol=0, atol=1e-7)
    strains = np.eye(3) + step * np.concatenate([np.eye(9), -np.eye(9)]).reshape(-1, 3, 3)
    energy = potential(NAME).eval(frame.coord @ strains, frame.cell @ strains, frame.types, pbc=pbc)[0][:, 0]
    plus, minus = np.split(energy, 2)
    np.testing.assert_allclose(virial[0], (minus - plus) / (2 * step), rtol=0, atol=1e-7)
