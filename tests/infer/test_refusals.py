"""Errors of `DeepPot` for invalid input name the argument, the place, the expected and the given value."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deepmd_tf.errors import InputError

from ..frames import make_frame
from ..models import potential

FRAME = make_frame("triclinic")
COORD, CELL, TYPES = FRAME.coord, FRAME.cell, FRAME.types


def changed(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


def at(frame, atom, value):
    return changed(np.tile(COORD, (3, 1, 1)), (frame, atom, 1), value)


CELLS = np.tile(CELL, (3, 1, 1))
MALFORMED = {
    "one number short": (
        (COORD.ravel()[1:], CELL, TYPES),
        "coords: expected [nframes, 18] or [nframes, 6, 3], got shape (17,)",
    ),
    "rows are not frames": ((COORD.reshape(2, 9), CELL, TYPES), "coords: expected [nframes, 18]"),
    "four dimensions": ((COORD[None, None], CELL, TYPES), "coords: expected [nframes, 18]"),
    "ragged coordinates": (([[1.0], [2.0, 3.0]], None, TYPES), "coords: expected [nframes, 18]"),
    "words as coordinates": (([["a", "b", "c"]], None, [0]), "coords: expected [nframes, 3]"),
    "complex coordinates": ((COORD[None] * 1j, None, TYPES), "coords: expected [nframes, 18]"),
    "no coordinates": ((None, None, TYPES), "coords: "),
    "no frames": ((np.zeros((0, 18)), None, TYPES), "coords: expected at least one frame, got shape (0, 18)"),
    "nan": ((at(1, 4, np.nan), CELLS, TYPES), "coords: frame 1, atom 4: "),
    "inf": ((at(2, 0, -np.inf), CELLS, TYPES), "coords: frame 2, atom 0: "),
    "nan in a cell": ((at(0, 0, 0), changed(CELLS, (2, 1, 0), np.nan), TYPES), "cells: frame 2, vector 1: "),
    "no volume": ((at(0, 0, 0), changed(CELLS, 1, 0), TYPES), "cells: frame 1 has no volume"),
    "parallel vectors": ((COORD, changed(CELL, 2, 2 * CELL[1]), TYPES), "cells: frame 0 has no volume"),
    "three numbers as a cell": ((COORD, np.diag(CELL), TYPES), "cells: expected [nframes, 9] or [nframes, 3, 3]"),
    "fewer cells than frames": ((at(0, 0, 0), CELLS[:2], TYPES), "cells: expected 3 frames as in coords, got 2"),
    "fewer types than atoms": ((COORD, CELL, TYPES[:5]), "coords: expected [nframes, 15]"),
    "fewer rows of types than frames": (
        (at(0, 0, 0), CELLS, [TYPES] * 2),
        "atom_types: expected 3 frames as in coords",
    ),
    "type too large": (
        (COORD, CELL, changed(TYPES, 3, 2)),
        "atom_types: atom 3 has type 2, the model knows types 0 to 1 (O H)",
    ),
    "negative type": ((COORD, CELL, changed(TYPES, 0, -1)), "atom_types: atom 0 has type -1"),
    "fractional types": ((COORD, CELL, TYPES * 1.0), "atom_types: expected integers"),
    "names as types": ((COORD, CELL, ["O"] * 6), "atom_types: expected integers"),
    "ragged types": ((COORD, CELL, [[0, 1], [0]]), "atom_types: expected integers"),
    "no atoms": ((np.zeros((1, 0)), None, []), "atom_types: expected integers"),
    "fparam not taken": ((COORD, CELL, TYPES, [1.0]), "fparam: given, but the model takes none"),
    "aparam not taken": ((COORD, CELL, TYPES, None, [1.0]), "aparam: given, but the model takes none"),
    "bool for fparam": ((COORD, CELL, TYPES, True), "fparam: got a boolean; write atomic=True"),
    "numpy bool for fparam": ((COORD, CELL, TYPES, np.True_), "fparam: got a boolean; write atomic=True"),
}


@pytest.mark.parametrize("arguments, message", MALFORMED.values(), ids=MALFORMED)
def test_malformed(arguments, message):
    for method in (potential("two_sides").eval, potential("two_sides").eval_descriptor):
        with pytest.raises(InputError, match=re.escape(message)) as error:
            method(*arguments)
        assert "\n" not in str(error.value)


PARAMETERS = {
    "missing fparam": ((None, [0.1, 0.2]), "fparam: the model needs 1 per frame, as [nframes, width]"),
    "missing aparam": (([0.1], None), "aparam: the model needs 2 per atom, as [nframes, natoms * width]"),
    "wrong width": (([0.1, 0.2], [0.1, 0.2]), "fparam: expected [nframes, width] with width 1, got shape (2,)"),
    "wrong number of atoms": (
        ([0.1], np.zeros((5, 2))),
        "aparam: expected [nframes, natoms * width] with width 2, got shape (5, 2)",
    ),
    "nan": (([np.nan], [0.1, 0.2]), "fparam: expected finite numbers, got nan at index [0]"),
    "inf in an atom": (
        ([0.1], changed(np.zeros((6, 2)), (3, 1), np.inf)),
        "aparam: expected finite numbers, got inf at index [3, 1]",
    ),
    "words": ((["a"], [0.1, 0.2]), "fparam: expected numbers"),
    "bool": ((False, [0.1, 0.2]), "fparam: got a boolean"),
}


@pytest.mark.parametrize("arguments, message", PARAMETERS.values(), ids=PARAMETERS)
def test_malformed_parameters(arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        potential("fparam_aparam").eval(COORD, CELL, TYPES, *arguments)


BOUNDARIES = {
    "two axes": (CELL, (True, False), "pbc: expected three booleans, one per cell vector, got (True, False)"),
    "no cell": (None, (True, False, False), "pbc: there are periodic axes, but cells is None"),
    "zero vector": (changed(CELL, 1, 0), (True, True, False), "cells: frame 0 has no volume"),
    "parallel": (changed(CELL, 1, CELL[0]), (True, True, False), "cells: frame 0 has no volume"),
}


@pytest.mark.parametrize("cell, pbc, message", BOUNDARIES.values(), ids=BOUNDARIES)
def test_malformed_boundaries(cell, pbc, message):
    with pytest.raises(InputError, match=re.escape(message)):
        potential("two_sides").eval(COORD, cell, TYPES, pbc=pbc)


@pytest.mark.parametrize("periodic", [True, False])
def test_coinciding_atoms(periodic):
    """The message numbers the atoms in the order of the caller, not of the graph."""
    coords = np.tile(COORD, (3, 1, 1))
    coords[2, 4] = coords[2, 0]
    message = "coords: frame 2: atoms 0 and 4 are at the same position"
    with pytest.raises(InputError, match=re.escape(message)):
        potential("two_sides").eval(coords, CELLS if periodic else None, TYPES)


def test_message_of_an_op_is_kept():
    """Errors that only an op detects have the message of the op, without TensorFlow's additions."""
    dp = potential("two_sides")
    feeds = {
        "t_coord": COORD.ravel(),
        "t_type": np.sort(TYPES).astype(np.int32),
        "t_natoms": np.array([6, 6, 3, 3], np.int32),
        "t_box": CELL.ravel(),
        "t_mesh": np.zeros(4, np.int32),
    }
    with pytest.raises(InputError, match="mesh") as error:
        dp.runner.run(("o_energy",), feeds)
    assert "Graph execution" not in str(error.value) and "\n" not in str(error.value)
