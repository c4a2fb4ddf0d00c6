"""The searches of frames of any size and of given lists."""

import itertools

import numpy as np
import pytest

from deepmd_tf.errors import InputError

from . import oracle
from .device import kernels
from .systems import FRAMES, OPEN, PERIODIC, Frame
from .test_neighbors import as_edges, assert_same_edges, search

pytestmark = pytest.mark.usefixtures("on_device")

MIXED = ["cubic", "cluster", "no_atoms", "tiny_cell", "one_atom", "isolated_atom", "no_atoms_open", "triclinic"]
RCUT = 4.0


class Batch:
    """Frames of different size, composition and boundary one after another, all searched with one cutoff."""

    def __init__(self, names=MIXED):
        self.frames = [Frame(f.coord, f.type, f.cell, f.pbc, RCUT) for f in map(FRAMES.__getitem__, names)]
        self.coord = np.concatenate([np.zeros((0, 3)), *(f.coord for f in self.frames)])
        self.type = np.concatenate([np.zeros(0, np.int32), *(f.type for f in self.frames)])
        self.splits = np.cumsum([0, *(len(f.coord) for f in self.frames)]).astype(np.int32)
        self.cell = np.array([f.cell for f in self.frames]).reshape(-1, 3, 3)
        self.periodic = np.array([f.pbc == PERIODIC for f in self.frames], bool)

    def __call__(self, threads=1):
        arguments = (self.coord, self.type, self.splits, self.cell, self.periodic, RCUT, 3)
        return kernels.neighbors_batch(*arguments, threads)


class Ghosts:
    """A periodic frame as a domain of an MD program: the atoms, their images near the cell, and a longer list."""

    def __init__(self, rng, name="triclinic", skin=1.5):
        self.frame = frame = oracle.wrapped(FRAMES[name])
        natoms = len(frame.coord)
        copies = (frame.coord[None] + oracle.images(frame)[:, None]).reshape(-1, 3)
        home = np.flatnonzero((oracle.images(frame) == 0).all(axis=1))[0]
        order = np.r_[home * natoms : (home + 1) * natoms, 0 : home * natoms, (home + 1) * natoms : len(copies)]
        self.coord, self.owner, self.nloc = copies[order], order % natoms, natoms
        self.type = frame.type[self.owner]
        rows = []
        for i in range(natoms):
            near = np.flatnonzero(np.linalg.norm(self.coord - self.coord[i], axis=1) < frame.rcut + skin)
            rows.append(rng.permutation(near[near != i]))
        self.splits = np.cumsum([0, *map(len, rows)])
        self.list = np.concatenate(rows).astype(np.int32)

    def __call__(self, threads=1):
        return kernels.neighbors_listed(self.coord, self.type, self.splits, self.list, self.frame.rcut, 3, threads)


def test_mixed_batch_equals_separate_frames():
    batch = Batch()
    splits, neighbor, edge_vec, most = batch()
    assert splits.dtype == np.int64 and neighbor.dtype == np.int32 and splits[-1] == len(neighbor)
    expected = np.zeros(3, int)
    for frame, begin, end in zip(batch.frames, batch.splits, batch.splits[1:], strict=False):
        alone = search(frame)
        row = slice(splits[begin], splits[end])
        np.testing.assert_array_equal(splits[begin : end + 1] - splits[begin], alone[0])
        np.testing.assert_array_equal(neighbor[row] - begin, alone[1])
        np.testing.assert_array_equal(edge_vec[row], alone[2])
        for i in range(len(frame.coord)):
            mine = alone[1][alone[0][i] : alone[0][i + 1]]
            expected = np.maximum(expected, np.bincount(frame.type[mine], minlength=3))
    np.testing.assert_array_equal(most, expected)


@pytest.mark.parametrize("names", [[], ["no_atoms"], ["no_atoms_open", "no_atoms"]])
def test_nothing_to_search(names):
    splits, neighbor, edge_vec, most = Batch(names)()
    assert splits.tolist() == [0] and len(neighbor) == 0 and edge_vec.shape == (0, 3) and most == [0, 0, 0]


def test_cell_of_an_open_frame_is_not_read():
    batch = Batch(["cluster", "cubic"])
    expected = batch()
    batch.cell[0] = np.nan
    for got, array in zip(batch(), expected, strict=True):
        np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("name", ["triclinic", "tiny_cell", "one_atom", "cubic"])
def test_ghosts_equal_periodic_images(name, rng):
    ghosts = Ghosts(rng, name)
    splits, neighbor, edge_vec, _ = ghosts()
    got = as_edges(splits, ghosts.owner[neighbor], edge_vec)
    assert_same_edges(got, as_edges(*search(ghosts.frame)))
    distance = np.linalg.norm(edge_vec, axis=1)
    for begin, end in itertools.pairwise(splits):
        order = np.lexsort((neighbor[begin:end], distance[begin:end], ghosts.type[neighbor[begin:end]]))
        np.testing.assert_array_equal(distance[begin:end][order], distance[begin:end])
        assert (np.diff(ghosts.type[neighbor[begin:end]]) >= 0).all()


def test_list_equals_search(rng):
    """The rows do not depend on the order of the list, to the last bit."""
    frame = FRAMES["cluster"]
    natoms = len(frame.coord)
    everyone = [rng.permutation(np.delete(np.arange(natoms), i)) for i in range(natoms)]
    splits = np.arange(natoms + 1) * (natoms - 1)
    got = kernels.neighbors_listed(frame.coord, frame.type, splits, np.concatenate(everyone).astype(np.int32), RCUT, 3)
    batch = Batch(["cluster"])()
    for array, expected in zip(got, batch, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_empty_lists():
    nothing = np.zeros(0, np.int32)
    splits, neighbor, _, most = kernels.neighbors_listed(
        np.eye(3), np.zeros(3, np.int32), np.zeros(3, int), nothing, 1, 2
    )
    assert splits.tolist() == [0, 0, 0] and len(neighbor) == 0 and most == [0, 0]
    splits, *_ = kernels.neighbors_listed(np.zeros((0, 3)), nothing, np.zeros(1, int), nothing, 1.0, 2)
    assert splits.tolist() == [0]


def test_same_for_any_number_of_threads(rng):
    for call in (Batch([*MIXED, "dense"]), Ghosts(rng)):
        expected = call()
        for threads in (2, 3, 7):
            for got, array in zip(call(threads), expected, strict=True):
                np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("threads", [1, 4])
def test_atoms_at_one_position_are_named(threads):
    batch = Batch(["cubic", "cluster", "triclinic"])
    batch.coord[batch.splits[1] + 7] = batch.coord[batch.splits[1] + 3] + 1e-9
    batch.coord[batch.splits[2] + 7] = batch.coord[batch.splits[2] + 3]
    with pytest.raises(InputError, match="frame 1: atoms 3 and 7 are at the same position"):
        batch(threads)


def test_listed_atoms_at_one_position_are_named(rng):
    ghosts = Ghosts(rng)
    other = ghosts.list[ghosts.splits[4]]
    ghosts.coord[other] = ghosts.coord[4]
    with pytest.raises(InputError, match=r"frame 0: atoms \d+ and \d+ are at the same position"):
        ghosts()


def spoiled(array, index, value):
    array[index] = value


BATCH = {
    "splits fall": (lambda b: spoiled(b.splits, 1, 70), "frame_splits: expected numbers that begin at 0, never fall"),
    "splits begin late": (lambda b: spoiled(b.splits, 0, 1), "frame_splits: expected numbers that begin at 0"),
    "splits end early": (lambda b: spoiled(b.splits, -1, 3), "frame_splits: .* end at the number of atoms"),
    "splits are negative": (lambda b: spoiled(b.splits, 1, -4), "frame_splits"),
    "type is too large": (lambda b: spoiled(b.type, 42, 3), r"frame 1, atom 2: expected a type in \[0, 3\), got 3"),
    "type is negative": (lambda b: spoiled(b.type, 0, -1), r"frame 0, atom 0: expected a type in \[0, 3\), got -1"),
    "no number": (lambda b: spoiled(b.coord, (41, 2), np.nan), "frame 1, atom 1: coordinate z is nan"),
    "no volume": (lambda b: spoiled(b.cell, 0, 0.0), "frame 0, the cell must be finite and have a volume"),
}


@pytest.mark.parametrize("case", BATCH)
def test_wrong_batch_is_named(case):
    batch = Batch(["cubic", "cluster"])
    assert batch.frames[1].pbc == OPEN
    change, message = BATCH[case]
    change(batch)
    with pytest.raises(InputError, match=message):
        batch()


LISTED = {
    "splits fall": (lambda g: spoiled(g.splits, 1, 10**6), "list_splits: expected numbers that begin at 0, never fall"),
    "splits end late": (
        lambda g: spoiled(g.splits, -1, 10**6),
        "list_splits: .* end at the number of entries",
    ),
    "splits begin late": (lambda g: spoiled(g.splits, 0, -1), "list_splits: expected numbers that begin at 0"),
    "no such atom": (
        lambda g: spoiled(g.list, g.splits[3], 2**30),
        r"atoms in \[0, \d+\) .* got 1073741824 for center 3",
    ),
    "negative atom": (lambda g: spoiled(g.list, g.splits[3], -1), r"list_neighbor: .* got -1 for center 3"),
    "its own neighbor": (lambda g: spoiled(g.list, g.splits[3], 3), "other than the center, got 3 for center 3"),
    "type is too large": (lambda g: spoiled(g.type, 5, 3), r"atom 5: expected a type in \[0, 3\), got 3"),
    "no number": (lambda g: spoiled(g.coord, (5, 0), np.inf), "atom 5: coordinate x is inf"),
}


@pytest.mark.parametrize("case", LISTED)
def test_wrong_list_is_named(case, rng):
    ghosts = Ghosts(rng)
    change, message = LISTED[case]
    change(ghosts)
    with pytest.raises(InputError, match=message):
        ghosts()


def test_neighbor_listed_twice_is_named():
    arguments = (np.eye(3), np.zeros(3, np.int32), np.array([0, 3]), np.array([1, 2, 1], np.int32), 5.0, 1)
    with pytest.raises(InputError, match="list_neighbor: atom 1 is in the list of center 0 twice"):
        kernels.neighbors_listed(*arguments)


@pytest.mark.parametrize("rcut", [0.0, -1.0, np.nan, np.inf])
def test_unusable_cutoff(rcut):
    one, type = np.zeros((1, 3)), np.zeros(1, np.int32)
    with pytest.raises(InputError, match="rcut must be positive and finite"):
        kernels.neighbors_listed(one, type, np.zeros(1, int), type[:0], rcut, 1)
    with pytest.raises(InputError, match="rcut must be positive and finite"):
        kernels.neighbors_batch(one, type, np.array([0, 1], np.int32), one[None] + np.eye(3), np.array([True]), rcut, 1)
