import itertools

import numpy as np
import pytest

from deepmd_tf.errors import InputError

from . import oracle
from .device import kernels
from .systems import FRAMES, MOVABLE, OPEN, Frame

pytestmark = pytest.mark.usefixtures("on_device")


def search(frame: Frame, threads: int = 1):
    coord, type = frame.coord[None], frame.type[None]
    if frame.pbc == OPEN:
        return kernels.neighbors_open(coord, type, len(frame.coord), frame.rcut, threads)
    return kernels.neighbors_periodic(coord, type, frame.cell[None], frame.pbc, frame.rcut, threads)


def as_edges(splits, neighbor, edge_vec) -> np.ndarray:
    return np.column_stack([np.repeat(np.arange(len(splits) - 1), np.diff(splits)), neighbor, edge_vec])


def assert_same_edges(got: np.ndarray, expected: np.ndarray, atol: float = 1e-9) -> None:
    """Compare as sets: pairs of an image are matched by their rounded vector."""
    assert len(got) == len(expected)
    ordered = [e[np.lexsort(np.round(e[:, ::-1], 5).T)] for e in (got, expected)]
    np.testing.assert_array_equal(ordered[0][:, :2], ordered[1][:, :2])
    np.testing.assert_allclose(ordered[0][:, 2:], ordered[1][:, 2:], rtol=0, atol=atol)


def assert_row_order(frame: Frame, splits, neighbor, edge_vec) -> None:
    distance = np.sqrt((edge_vec**2).sum(axis=1))
    for begin, end in itertools.pairwise(splits):
        row = slice(begin, end)
        keys = list(zip(frame.type[neighbor[row]], distance[row], neighbor[row], strict=True))
        assert keys == sorted(keys)


@pytest.mark.parametrize("name", FRAMES)
def test_equals_brute_force(name):
    frame = FRAMES[name]
    splits, neighbor, edge_vec = search(frame)
    assert splits.dtype == np.int64 and neighbor.dtype == np.int32 and edge_vec.dtype == np.float64
    assert splits[0] == 0 and splits[-1] == len(neighbor) == len(edge_vec) and len(splits) == len(frame.coord) + 1
    # An atom thousands of cells away has lost that many digits.
    atol = 1e-9 if name == "outside" else 1e-12
    assert_same_edges(as_edges(splits, neighbor, edge_vec), oracle.edges(frame), atol)
    assert_row_order(frame, splits, neighbor, edge_vec)


@pytest.mark.parametrize("name", MOVABLE)
def test_translation(name):
    frame = FRAMES[name]
    moved = Frame(frame.coord + np.array([1.7, -20.3, 5.9]), frame.type, frame.cell, frame.pbc, frame.rcut)
    assert_same_edges(as_edges(*search(moved)), as_edges(*search(frame)), atol=1e-8)


@pytest.mark.parametrize("name", MOVABLE)
def test_rotation(name, rng):
    frame = FRAMES[name]
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = Frame(frame.coord @ turn, frame.type, frame.cell @ turn, frame.pbc, frame.rcut)
    expected = as_edges(*search(frame))
    expected[:, 2:] = expected[:, 2:] @ turn
    assert_same_edges(as_edges(*search(turned)), expected, atol=1e-8)


@pytest.mark.parametrize("name", MOVABLE)
def test_permutation(name, rng):
    frame = FRAMES[name]
    order = rng.permutation(len(frame.coord))
    permuted = Frame(frame.coord[order], frame.type[order], frame.cell, frame.pbc, frame.rcut)
    got = as_edges(*search(permuted))
    if len(got):
        got[:, :2] = order[got[:, :2].astype(int)]
    assert_same_edges(got, as_edges(*search(frame)))


@pytest.mark.parametrize("name", ["triclinic", "tiny_cell", "polymer", "cluster", "dense"])
def test_same_for_any_number_of_threads(name):
    frame = FRAMES[name]
    expected = search(frame)
    for threads in (2, 3, 7):
        for got, array in zip(search(frame, threads), expected, strict=True):
            np.testing.assert_array_equal(got, array)


def test_every_edge_has_an_exact_opposite():
    edges = as_edges(*search(FRAMES["triclinic"]))
    opposite = edges[:, [1, 0, 2, 3, 4]] * [1, 1, -1, -1, -1]
    assert {tuple(edge) for edge in edges} == {tuple(edge) for edge in opposite}


def test_choice_of_cell_vectors_does_not_matter():
    frame = FRAMES["triclinic"]
    other = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, -1]]) @ frame.cell
    sheared = Frame(frame.coord, frame.type, other, frame.pbc, frame.rcut)
    assert_same_edges(as_edges(*search(sheared)), as_edges(*search(frame)))


def test_frames_of_a_batch_are_searched_one_by_one(rng):
    coord = rng.random((3, 20, 3)) * 8
    type = rng.integers(0, 3, (3, 20)).astype(np.int32)
    cell = np.eye(3) * [[[6.0]], [[8.0]], [[11.0]]]
    splits, neighbor, edge_vec = kernels.neighbors_periodic(coord, type, cell, [True] * 3, 4.0)
    for f in range(3):
        row = slice(splits[20 * f], splits[20 * f + 20])
        alone = search(Frame(coord[f], type[f], cell[f], (True, True, True), 4.0))
        np.testing.assert_array_equal(splits[20 * f : 20 * f + 21] - splits[20 * f], alone[0])
        np.testing.assert_array_equal(neighbor[row], alone[1])
        np.testing.assert_array_equal(edge_vec[row], alone[2])


def test_ghosts_are_neighbors_but_not_centers(rng):
    coord, type = rng.random((1, 30, 3)) * 6, rng.integers(0, 2, (1, 30)).astype(np.int32)
    everyone = as_edges(*kernels.neighbors_open(coord, type, 30, 3.0))
    some = kernels.neighbors_open(coord, type, 12, 3.0)
    assert len(some[0]) == 13
    np.testing.assert_array_equal(as_edges(*some), everyone[everyone[:, 0] < 12])
    assert len(kernels.neighbors_open(coord, type, 0, 3.0)[1]) == 0


def test_atoms_at_one_position_are_neighbors():
    coord = np.zeros((1, 2, 3))
    _, neighbor, edge_vec = kernels.neighbors_open(coord, np.zeros((1, 2), np.int32), 2, 1.0)
    np.testing.assert_array_equal(neighbor, [1, 0])
    np.testing.assert_array_equal(edge_vec, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e13])
def test_unusable_coordinate_is_named(bad):
    coord = np.zeros((2, 4, 3))
    coord[1, 2, 1] = bad
    with pytest.raises(InputError, match=r"frame 1, atom 2: coordinate y is .*, expected a finite number"):
        kernels.neighbors_open(coord, np.zeros((2, 4), np.int32), 4, 3.0)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (np.zeros((3, 3)), "frame 0, the cell must be finite and have a volume"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], "volume"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 1e-12]], "volume"),
        ([[np.nan, 0, 0], [0, 1, 0], [0, 0, 1]], "finite"),
        ([[np.inf, 0, 0], [0, 1, 0], [0, 0, 1]], "finite"),
        ([[1e-3, 0, 0], [0, 1e-3, 0], [0, 0, 1e-3]], "too thin for the cutoff 4"),
        ([[1e-200, 0, 0], [0, 1e-200, 0], [0, 0, 1e-200]], "the cell"),
    ],
)
def test_unusable_cell(cell, message):
    with pytest.raises(InputError, match=message):
        kernels.neighbors_periodic(
            np.zeros((1, 2, 3)), np.zeros((1, 2), np.int32), np.array([cell], float), [True] * 3, 4.0
        )


def test_absurd_density_is_refused_before_memory_runs_out():
    coord = np.zeros((1, 50000, 3))
    with pytest.raises(InputError, match="neighbors per atom"):
        kernels.neighbors_periodic(coord, np.zeros((1, 50000), np.int32), np.eye(3)[None], [True] * 3, 4.0)


def test_atom_too_far_from_its_cell():
    coord = np.full((1, 1, 3), 1e11)
    with pytest.raises(InputError, match="too far"):
        kernels.neighbors_periodic(coord, np.zeros((1, 1), np.int32), np.eye(3)[None], [True] * 3, 2.0)


@pytest.mark.parametrize("rcut", [0.0, -1.0, np.nan, np.inf])
def test_unusable_cutoff(rcut):
    with pytest.raises(InputError, match="rcut must be positive and finite"):
        kernels.neighbors_open(np.zeros((1, 1, 3)), np.zeros((1, 1), np.int32), 1, rcut)


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"type: expected shape \[1,2\], got \[1,3\]"):
        kernels.neighbors_open(np.zeros((1, 2, 3)), np.zeros((1, 3), np.int32), 2, 1.0)
    with pytest.raises(InputError, match=r"cell: expected shape \[1,3,3\], got \[1,9\]"):
        kernels.neighbors_periodic(np.zeros((1, 2, 3)), np.zeros((1, 2), np.int32), np.zeros((1, 9)), [True] * 3, 1.0)
    with pytest.raises(InputError, match="nloc"):
        kernels.neighbors_open(np.zeros((1, 2, 3)), np.zeros((1, 2), np.int32), 3, 1.0)
