"""Electron configurations of the elements as numbers, the input of the type embedding with ``use_econf_tebd``.

118 slots, one per spin orbital in the order 1s 2s 2p 3s 3p 3d 4s ... 7p, two for each orbital. Ground states follow
Madelung's rule but for the elements listed in `EXCEPTIONS` (NIST Atomic Spectra Database; from 103 on as commonly
predicted). Inside a subshell electrons fill orbitals singly first (Hund's rule); a lone electron takes the second slot
of its orbital. An occupied slot is ``+1/sqrt(118)``, an empty one ``-1/sqrt(118)``, so that every row has length one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers

from deepmd_tf.errors import InputError

SUBSHELLS = ("1s 2s 2p 3s 3p 3d 4s 4p 4d 4f 5s 5p 5d 5f 6s 6p 6d 7s 7p").split()
_ORBITALS = {"s": 1, "p": 3, "d": 5, "f": 7}
_MADELUNG = sorted(SUBSHELLS, key=lambda name: (int(name[0]) + "spdf".index(name[1]), int(name[0])))

EXCEPTIONS = {
    "Cr": {"3d": 5, "4s": 1},
    "Cu": {"3d": 10, "4s": 1},
    "Nb": {"4d": 4, "5s": 1},
    "Mo": {"4d": 5, "5s": 1},
    "Ru": {"4d": 7, "5s": 1},
    "Rh": {"4d": 8, "5s": 1},
    "Pd": {"4d": 10, "5s": 0},
    "Ag": {"4d": 10, "5s": 1},
    "La": {"4f": 0, "5d": 1},
    "Ce": {"4f": 1, "5d": 1},
    "Gd": {"4f": 7, "5d": 1},
    "Pt": {"5d": 9, "6s": 1},
    "Au": {"5d": 10, "6s": 1},
    "Ac": {"5f": 0, "6d": 1},
    "Th": {"5f": 0, "6d": 2},
    "Pa": {"5f": 2, "6d": 1},
    "U": {"5f": 3, "6d": 1},
    "Np": {"5f": 4, "6d": 1},
    "Cm": {"5f": 7, "6d": 1},
    "Ds": {"6d": 9, "7s": 1},
    "Rg": {"6d": 10, "7s": 1},
}
"""Subshells whose occupation is not Madelung's."""


def occupations(symbol: str) -> dict[str, int]:
    """Return the number of electrons in each subshell of an element's ground state.

    Raises
    ------
    InputError
        When `symbol` is no element.
    """
    number = atomic_numbers.get(symbol, 0)
    if not 1 <= number <= 118:
        raise InputError(
            f"model.type_map: {symbol!r} is not the symbol of an element, which "
            "model.type_embedding.use_econf_tebd needs"
        )
    filled, left = dict.fromkeys(SUBSHELLS, 0), number
    for name in _MADELUNG:
        filled[name] = min(left, 2 * _ORBITALS[name[1]])
        left -= filled[name]
    return filled | EXCEPTIONS.get(symbol, {})


def _spin_orbitals(electrons: int, orbitals: int) -> np.ndarray:
    """Occupation (0 or 1) of the pairs of slots of one subshell ``[2 * orbitals]``."""
    slots = np.zeros((orbitals, 2))
    slots[:electrons, 1] = 1.0
    slots[: max(electrons - orbitals, 0), 0] = 1.0
    return slots.ravel()


def electron_configurations(symbols: Sequence[str]) -> np.ndarray:
    """Return one row per element, ``[len(symbols), 118]``."""
    rows = [
        np.concatenate([_spin_orbitals(count, _ORBITALS[name[1]]) for name, count in occupations(symbol).items()])
        for symbol in symbols
    ]
    return (2.0 * np.array(rows) - 1.0) / np.sqrt(118.0)
