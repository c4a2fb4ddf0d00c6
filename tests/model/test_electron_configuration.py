"""Electron configurations: counts, known ground states, lengths."""

from __future__ import annotations

import numpy as np
import pytest
from ase.data import chemical_symbols

from deepmd_tf.errors import InputError
from deepmd_tf.model.electron_configuration import SUBSHELLS, electron_configurations, occupations

ELEMENTS = chemical_symbols[1:119]
GROUND_STATES = {
    "H": "1s1",
    "C": "1s2 2s2 2p2",
    "Ne": "1s2 2s2 2p6",
    "Cl": "1s2 2s2 2p6 3s2 3p5",
    "K": "1s2 2s2 2p6 3s2 3p6 4s1",
    "Cr": "1s2 2s2 2p6 3s2 3p6 3d5 4s1",
    "Fe": "1s2 2s2 2p6 3s2 3p6 3d6 4s2",
    "Cu": "1s2 2s2 2p6 3s2 3p6 3d10 4s1",
    "Pd": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10",
    "Xe": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 5s2 5p6",
    "Gd": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 4f7 5s2 5p6 5d1 6s2",
    "Au": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 4f14 5s2 5p6 5d10 6s1",
    "U": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 4f14 5s2 5p6 5d10 5f3 6s2 6p6 6d1 7s2",
}


@pytest.mark.parametrize("number, symbol", list(enumerate(ELEMENTS, 1)), ids=ELEMENTS)
def test_as_many_electrons_as_protons(number, symbol):
    filled = occupations(symbol)
    assert list(filled) == list(SUBSHELLS)
    assert sum(filled.values()) == number
    assert all(0 <= count <= 2 * (1 + 2 * "spdf".index(name[1])) for name, count in filled.items())
    row = electron_configurations([symbol])[0]
    assert row.shape == (118,)
    assert (row > 0).sum() == number
    np.testing.assert_allclose(np.abs(row), 1 / np.sqrt(118), rtol=1e-15)
    assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("symbol", GROUND_STATES)
def test_ground_states(symbol):
    expected = {term[:2]: int(term[2:]) for term in GROUND_STATES[symbol].split()}
    assert {name: count for name, count in occupations(symbol).items() if count} == expected


def test_elements_differ():
    rows = electron_configurations(ELEMENTS)
    assert len(np.unique(rows, axis=0)) == 118


def test_orbitals_are_filled_singly_first():
    """The 2p shell of C, N, O: slots 4 to 9, in pairs."""
    occupied = electron_configurations(["C", "N", "O"])[:, 4:10] > 0
    np.testing.assert_array_equal(occupied, [[0, 1, 0, 1, 0, 0], [0, 1, 0, 1, 0, 1], [1, 1, 0, 1, 0, 1]])


@pytest.mark.parametrize("name", ["Xx", "o", "Oxygen", "", "X", "D"])
def test_unknown_element(name):
    with pytest.raises(InputError, match=f"model.type_map: {name!r} is not the symbol of an element"):
        electron_configurations(["O", name])
