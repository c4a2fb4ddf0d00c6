import threading

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.geometry import Neighbors, neighbors

from ..kernels import oracle
from ..kernels.systems import FRAMES
from ..kernels.test_neighbors import as_edges, assert_same_edges


def test_periodic():
    frame = FRAMES["slab"]
    found = neighbors.periodic(frame.coord, frame.type, frame.cell, frame.rcut, frame.pbc)
    assert isinstance(found, Neighbors)
    assert_same_edges(as_edges(*found), oracle.edges(frame))


def test_open():
    frame = FRAMES["cluster"]
    assert_same_edges(as_edges(*neighbors.open(frame.coord, frame.type, frame.rcut)), oracle.edges(frame))


def test_no_periodic_axis_is_open():
    frame = FRAMES["cluster"]
    for cell in (frame.cell, np.zeros((3, 3)), np.full((3, 3), np.nan)):
        periodic = neighbors.periodic(frame.coord, frame.type, cell, frame.rcut, pbc=(False, False, False))
        for got, expected in zip(periodic, neighbors.open(frame.coord, frame.type, frame.rcut), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_explicit_images_as_ghosts_give_the_periodic_result():
    frame = FRAMES["triclinic"]
    shifts = np.stack(np.meshgrid(*[[0, -1, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ frame.cell
    coord = (frame.coord[None] + shifts[:, None]).reshape(-1, 3)
    natoms = len(frame.coord)
    found = neighbors.ghosts(coord, np.tile(frame.type, len(shifts)), natoms, frame.rcut)
    got = as_edges(found.edge_splits, found.neighbor % natoms, found.edge_vec)
    assert_same_edges(got, oracle.edges(frame))


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_dtypes_and_strides(dtype):
    coord = np.arange(60, dtype=dtype).reshape(10, 6)[:, ::2]
    type = np.zeros(20, np.int64)[::2]
    expected = neighbors.open(np.ascontiguousarray(coord, dtype=float), type, 20.0)
    for got, array in zip(neighbors.open(coord, type, 20.0), expected, strict=True):
        np.testing.assert_array_equal(got, array)


def test_lists_are_accepted():
    assert list(neighbors.open([[0, 0, 0], [1, 0, 0]], [0, 0], 2.0).neighbor) == [1, 0]
    assert len(neighbors.open(np.zeros((0, 3)), [], 2.0).neighbor) == 0


def test_search_in_several_threads_at_once():
    frame = FRAMES["dense"]
    expected = neighbors.periodic(frame.coord, frame.type, frame.cell, frame.rcut)
    results = {}

    def work(key):
        results[key] = neighbors.periodic(frame.coord, frame.type, frame.cell, frame.rcut, threads=2)

    workers = [threading.Thread(target=work, args=(key,)) for key in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in results.values():
        for got, array in zip(result, expected, strict=True):
            np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coord": np.zeros((2, 4))}, r"coord: expected shape \[natoms, 3\], got \[2, 4\]"),
        ({"coord": np.zeros(6)}, r"coord: expected shape \[natoms, 3\], got \[6\]"),
        ({"coord": [[0, 0, 0], [0, np.nan, 0]]}, "coord: expected finite numbers, got nan for atom 1, y"),
        ({"type": [0]}, r"type: expected shape \[2\], one per atom of coord, got \[1\]"),
        ({"type": [0.0, 1.0]}, "type: expected integers, got float64"),
        ({"type": [0, -1]}, "type: expected no negative number, got -1 for atom 1"),
        ({"cell": np.eye(2)}, r"cell: expected shape \[3, 3\], got \[2, 2\]"),
        ({"cell": np.zeros((3, 3))}, "the cell must be finite and have a volume"),
        ({"pbc": [True, True]}, "pbc: expected three booleans"),
        ({"rcut": 0.0}, "rcut must be positive"),
    ],
)
def test_unusable_input(arguments, message):
    good = {"coord": [[0.0, 0, 0], [1, 0, 0]], "type": [0, 1], "cell": np.eye(3), "rcut": 1.5}
    with pytest.raises(InputError, match=message):
        neighbors.periodic(**{**good, **arguments})


def test_unusable_nloc():
    with pytest.raises(InputError, match=r"nloc: expected a number in \[0, 2\], got 3"):
        neighbors.ghosts([[0, 0, 0], [1, 0, 0]], [0, 1], 3, 1.0)
