"""Named frames that a neighbor search must get right, each for a reason of its own."""

from dataclasses import dataclass

import numpy as np

OPEN = (False, False, False)
PERIODIC = (True, True, True)


@dataclass(frozen=True)
class Frame:
    """Atoms [natoms, 3] in a cell [3, 3], and the cutoff to search with."""

    coord: np.ndarray
    type: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool]
    rcut: float


def _random(seed: int, natoms: int, cell, pbc=PERIODIC, rcut: float = 4.0, ntypes: int = 3) -> Frame:
    """Atoms spread evenly over the cell, in no order of type."""
    rng = np.random.default_rng(seed)
    cell = np.array(cell, dtype=float)
    coord = rng.random((natoms, 3)) @ cell
    return Frame(coord, rng.integers(0, ntypes, natoms).astype(np.int32), cell, tuple(pbc), rcut)


def _polymer() -> Frame:
    """A zigzag chain along z; the cell vectors across it are zero, as some programs write them."""
    height = 1.3 * np.arange(12)
    coord = np.stack([0.6 * (np.arange(12) % 2), 0.2 * np.sin(height), height], axis=1)
    return Frame(coord, np.arange(12, dtype=np.int32) % 2, np.diag([0.0, 0.0, 15.6]), (False, False, True), 4.0)


def _slab() -> Frame:
    """Two layers, with a wide vacuum along an axis that does not repeat and is not orthogonal to the layers."""
    frame = _random(2, 18, [[7.0, 0.0, 0.0], [2.0, 6.5, 0.0], [0.0, 0.0, 3.0]], (True, True, False))
    return Frame(frame.coord, frame.type, np.array([[7.0, 0, 0], [2, 6.5, 0], [1.5, 2, 40]]), frame.pbc, frame.rcut)


def _simple_cubic(rcut: float, size: int = 3) -> Frame:
    """A perfect lattice, where many neighbors are equally far."""
    coord = 2.0 * np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return Frame(coord, np.zeros(len(coord), np.int32), 2.0 * size * np.eye(3), PERIODIC, rcut)


def _outside() -> Frame:
    """Atoms up to thousands of cells away from the origin."""
    frame = _random(4, 10, [[6.0, 0.0, 0.0], [1.0, 7.0, 0.0], [-2.0, 0.5, 6.5]])
    images = np.random.default_rng(5).integers(-3000, 3000, (10, 3))
    return Frame(frame.coord + images @ frame.cell, frame.type, frame.cell, frame.pbc, frame.rcut)


def _two_molecules() -> Frame:
    """Two clusters very far apart: bins must not fill the space between."""
    coord = np.random.default_rng(6).random((16, 3)) * 4.0
    coord[8:] += [3e5, -2e6, 5e4]
    return Frame(coord, np.arange(16, dtype=np.int32) % 3, np.zeros((3, 3)), OPEN, 3.0)


def _none(pbc) -> Frame:
    return Frame(np.zeros((0, 3)), np.zeros(0, np.int32), 5.0 * np.eye(3), pbc, 4.0)


FRAMES = {
    "cubic": _random(0, 40, 10.0 * np.eye(3)),
    "larger_than_twice_the_cutoff": _random(1, 150, 17.0 * np.eye(3), rcut=3.0),
    "triclinic": _random(3, 30, [[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [-2.0, 4.0, 7.5]]),
    "rotated_triclinic": _random(3, 30, [[2.0, 8.0, 1.0], [-7.0, 3.0, 2.0], [1.0, -2.0, 9.0]]),
    "left_handed": _random(3, 30, [[0.0, 8.0, 1.0], [9.0, 0.0, 0.0], [1.0, 2.0, 8.0]]),
    "needle": _random(7, 12, [[30.0, 0.0, 0.0], [0.0, 2.5, 0.0], [0.0, 0.0, 2.5]]),
    "very_skewed": _random(8, 6, [[4.0, 0.0, 0.0], [15.0, 4.0, 0.0], [-9.0, 11.0, 4.0]]),
    "tiny_cell": _random(9, 2, 1.7 * np.eye(3) + 0.3, rcut=6.0),
    "one_atom": _random(10, 1, [[2.5, 0.0, 0.0], [0.4, 2.2, 0.0], [0.0, 0.0, 3.1]], rcut=5.0),
    "outside": _outside(),
    "polymer": _polymer(),
    "polymer_along_x": _random(11, 9, [[5.0, 1.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]], (True, False, False)),
    "slab": _slab(),
    "slab_xz": _random(12, 20, [[5.0, 0.5, 0.2], [0.0, 9.0, 0.0], [0.3, 1.0, 6.0]], (True, False, True)),
    "cluster": _random(13, 25, 7.0 * np.eye(3), OPEN),
    "plane": Frame(np.random.default_rng(14).random((30, 3)) * [9, 9, 0], np.zeros(30, np.int32), np.eye(3), OPEN, 3.0),
    "two_molecules": _two_molecules(),
    "isolated_atom": _random(15, 1, np.eye(3), OPEN),
    "two_isolated_atoms": Frame(np.diag([9.0, 9.0, 9.0])[:2], np.zeros(2, np.int32), np.eye(3), OPEN, 4.0),
    "no_atoms": _none(PERIODIC),
    "no_atoms_open": _none(OPEN),
    "lattice": _simple_cubic(3.9),
    "lattice_with_neighbors_at_the_cutoff": _simple_cubic(4.0),
    "small_lattice_with_neighbors_at_the_cutoff": _simple_cubic(4.0, size=1),
    "dense": _random(16, 2000, 22.0 * np.eye(3), rcut=5.0),
}
# At the cutoff itself, rounding in a rotation decides who is a neighbor.
MOVABLE = [name for name in FRAMES if not name.endswith("at_the_cutoff") and name != "dense"]
