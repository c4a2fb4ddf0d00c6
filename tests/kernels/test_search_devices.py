"""The searches of a GPU against the processor's: the same bits, the same messages, on memory of every kind."""

import itertools

import numpy as np
import pytest

from deepmd_tf.errors import InputError

from . import device
from .device import kernels
from .systems import FRAMES, PERIODIC, Frame
from .test_edge_search import RCUT, Batch, Ghosts
from .test_neighbors import search

pytestmark = pytest.mark.parametrize(
    "on_device", ["emulated", pytest.param("gpu", marks=pytest.mark.gpu)], indirect=True
)


def on_cpu(call):
    """What the call gives with the processor's kernels."""
    module, kernels.module = kernels.module, device.cpu
    try:
        return call()
    finally:
        kernels.module = module


def assert_same_bits(call) -> None:
    """The device gives what the processor gives, and gives it again."""
    expected = on_cpu(call)
    for _ in range(2):
        for got, array in zip(call(), expected, strict=True):
            np.testing.assert_array_equal(got, array)


def crowd(natoms: int, size: float, rcut: float) -> Frame:
    """A few atoms in a small cell, whose rows are mostly images."""
    rng = np.random.default_rng(3)
    cell = size * np.eye(3) + 0.1 * rng.random((3, 3))
    return Frame(rng.random((natoms, 3)) @ cell, np.arange(natoms, dtype=np.int32) % 2, cell, PERIODIC, rcut)


@pytest.mark.parametrize("name", [name for name in FRAMES if name != "dense"])
def test_same_bits(on_device, name):
    assert_same_bits(lambda: search(FRAMES[name]))


def test_same_bits_of_a_batch(on_device):
    assert_same_bits(Batch())


def test_same_bits_of_a_list(on_device, rng):
    assert_same_bits(Ghosts(rng))


def test_same_bits_with_ghosts(on_device, rng):
    coord, type = rng.random((2, 30, 3)) * 6, rng.integers(-2, 2**30, (2, 30)).astype(np.int32)
    assert_same_bits(lambda: kernels.neighbors_open(coord, type, 7, 3.0))


def test_same_bits_of_frames(on_device):
    batch = Batch()

    def call():
        rows, most = kernels.neighbors_of_frames(
            batch.coord, batch.type, batch.splits, batch.cell, batch.periodic, 3, RCUT
        )
        return *rows, most

    assert_same_bits(call)


@pytest.mark.parametrize("frame", [crowd(3, 2.0, 9.5), Frame(**{**vars(FRAMES["one_atom"]), "rcut": 20.0})])
def test_rows_too_long_for_shared_memory(on_device, frame):
    splits, *_ = search(frame)
    assert np.diff(splits).min() > 1100
    assert_same_bits(lambda: search(frame))


def test_types_too_many_for_shared_memory(on_device):
    frame, ntypes = FRAMES["cubic"], 20000
    type = frame.type[:9] * 9000 + np.arange(9, dtype=np.int32)
    splits, cell = np.array([0, 9], np.int32), frame.cell[None] / 2

    def call():
        return kernels.neighbors_batch(frame.coord[:9], type, splits, cell, np.array([True]), 3.0, ntypes)

    assert_same_bits(call)


def test_many_frames(on_device, rng):
    """More than travel with one launch."""
    sizes = rng.integers(0, 4, 60)
    splits = np.cumsum([0, *sizes]).astype(np.int32)
    coord, type = rng.random((splits[-1], 3)) * 20 - 5, rng.integers(0, 2, splits[-1]).astype(np.int32)
    cell, periodic = np.eye(3) * rng.uniform(2.5, 6, (60, 1, 1)), rng.random(60) < 0.5
    assert_same_bits(lambda: kernels.neighbors_batch(coord, type, splits, cell, periodic, 3.0, 2))


def test_neighbors_at_one_position(on_device):
    """Nothing but their indices orders them."""
    coord, type = np.zeros((1, 40, 3)), np.arange(40, dtype=np.int32)[None] % 2
    assert_same_bits(lambda: kernels.neighbors_open(coord, type, 40, 1.0))


def move(batch, frame, value):
    batch.coord[batch.splits[frame] + 5, 1] = value


FAULTS = {
    "type": lambda b, f: b.type.__setitem__(b.splits[f] + 8, 3),
    "no number": lambda b, f: move(b, f, np.nan),
    "too far": lambda b, f: move(b, f, -9e11),
    "no volume": lambda b, f: b.cell.__setitem__(f, 0.0),
    "too thin": lambda b, f: b.cell.__setitem__(f, 1e-2 * np.eye(3)),
    "too many": lambda b, f: b.cell.__setitem__(f, 0.19 * np.eye(3)),
    "one position": lambda b, f: b.coord.__setitem__(b.splits[f] + 6, b.coord[b.splits[f] + 2]),
}
PAIRS = list(itertools.product(FAULTS, FAULTS))


def message(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_same_fault_is_named(on_device, one, other):
    batch = Batch(["cubic"] * 4)
    FAULTS[one](batch, 1)
    FAULTS[other](batch, 2)
    assert message(batch) == message(lambda: on_cpu(batch))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_same_fault_of_one_frame_is_named(on_device, one, other):
    batch = Batch(["cubic"] * 2)
    FAULTS[one](batch, 1)
    FAULTS[other](batch, 1)
    assert message(batch) == message(lambda: on_cpu(batch))


@pytest.mark.parametrize(("at_one_position", "no_atom"), [(4, 9), (9, 4), (4, 4)])
def test_same_fault_of_a_list_is_named(on_device, rng, at_one_position, no_atom):
    ghosts = Ghosts(rng)
    ghosts.list[ghosts.splits[no_atom] + 1] = -7
    ghosts.coord[ghosts.list[ghosts.splits[at_one_position]]] = ghosts.coord[at_one_position]
    assert message(ghosts) == message(lambda: on_cpu(ghosts))
