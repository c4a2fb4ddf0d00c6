import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import _kernels

from .conftest import COLUMNS, NNEI, OPEN_MESH, SEL, make_batch

NAMES = ["triclinic", "tiny_cell", "outside", "cluster", "one_atom", "isolated_atom", "dense"]


def by_kernels(batch, frame: int):
    """One frame of the batch through the NumPy face of the kernels."""
    coord = batch.coord[frame].reshape(1, -1, 3).astype(float)
    type = batch.type[frame]
    if len(batch.mesh) == 6:
        cell = batch.box[frame].reshape(1, 3, 3).astype(float)
        edges = _kernels.neighbors_periodic(coord, type[None], cell, [True] * 3, batch.rcut)
    else:
        edges = _kernels.neighbors_open(coord, type[None], int(batch.natoms[0]), batch.rcut)
    # Attributes of an op are float32.
    rcut_smth = float(np.float32(batch.rcut_smth))
    kernel = getattr(_kernels, f"env_mat_{batch.descriptor}")
    return kernel(type, *edges, batch.davg, batch.dstd, batch.rcut, rcut_smth, list(batch.sel))


@pytest.mark.parametrize("name", NAMES)
def test_equals_kernels(name, dtype, descriptor, rng):
    batch = make_batch(rng, name, dtype=dtype, descriptor=descriptor)
    columns = COLUMNS[descriptor]
    out = batch()
    natoms = batch.natoms[0]
    assert [tuple(x.shape) for x in out] == [(2, natoms * NNEI * width) for width in (columns, 3 * columns, 3, 1)]
    assert [x.dtype.as_numpy_dtype for x in out] == [dtype, dtype, dtype, np.int32]
    most = np.zeros(len(SEL), int)
    for frame in range(2):
        *expected, count = by_kernels(batch, frame)
        most = np.maximum(most, count)
        for got, array in zip(out, expected, strict=True):
            np.testing.assert_array_equal(got[frame], array.ravel())
    counted = batch(counted=True)
    np.testing.assert_array_equal(counted.max_neighbors, most)
    for got, array in zip(counted[:4], out, strict=True):
        np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("length", [0, 1])
def test_open_ignores_the_box(length, rng):
    batch = make_batch(rng, "cluster")
    batch.mesh = np.zeros(length, np.int32)
    expected = batch()
    batch.box = np.zeros((0, 9))
    for got, array in zip(batch(), expected, strict=True):
        np.testing.assert_array_equal(got, array)


def test_ghosts(descriptor, rng):
    batch = make_batch(rng, "cluster", descriptor=descriptor)
    everyone = batch()
    batch.natoms[0] = 10
    some = batch()
    columns = COLUMNS[descriptor]
    for got, array, width in zip(some, everyone, (columns, 3 * columns, 3, 1), strict=True):
        np.testing.assert_array_equal(got, array[:, : 10 * NNEI * width])


@pytest.mark.parametrize("name", ["no_atoms", "no_atoms_open"])
def test_no_atoms(name, descriptor, rng):
    out = make_batch(rng, name, descriptor=descriptor)(counted=True)
    assert [tuple(x.shape) for x in out] == [(2, 0)] * 4 + [(3,)]
    assert not out.max_neighbors.numpy().any()


def test_no_frames(descriptor, rng):
    batch = make_batch(rng, descriptor=descriptor)
    batch.coord, batch.type, batch.box = batch.coord[:0], batch.type[:0], batch.box[:0]
    assert all(x.shape[0] == 0 for x in batch())


def test_graph_shapes(descriptor, rng):
    batch = make_batch(rng, descriptor=descriptor)
    natoms, columns = batch.natoms, COLUMNS[descriptor]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float64),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([5], tf.int32),
        ]
    )
    def run(coord, type, fed):
        known, unknown = {}, {}
        for shapes, sizes in ((known, tf.constant(natoms)), (unknown, fed)):
            out = dataclasses.replace(batch, coord=coord, type=type, natoms=sizes)(counted=True)
            shapes.update({name: x.shape.as_list() for name, x in out._asdict().items()})
        slots = int(natoms[0]) * NNEI
        assert known == {
            "descrpt": [None, slots * columns],
            "descrpt_deriv": [None, slots * columns * 3],
            "rij": [None, slots * 3],
            "nlist": [None, slots],
            "max_neighbors": [3],
        }
        assert all(shape in ([None, None], [3]) for shape in unknown.values())
        return out.nlist

    run.get_concrete_function()


def test_outputs_have_no_gradient(descriptor, rng):
    batch = make_batch(rng, descriptor=descriptor)
    batch.coord = tf.constant(batch.coord)
    with tf.GradientTape() as tape:
        tape.watch(batch.coord)
        total = tf.reduce_sum(batch().descrpt)
    assert tape.gradient(total, batch.coord) is None


def spoil(**changes):
    def change(batch):
        for name, value in changes.items():
            setattr(batch, name, value(getattr(batch, name)))

    return change


def put(index, value):
    def change(array):
        array = array.copy()
        array[index] = value
        return array

    return change


WRONG = {
    "coord is too short": (spoil(coord=lambda a: a[:, 3:]), r"coord: expected shape \[2,90\], got \[2,87\]"),
    "coord is flat": (spoil(coord=np.ravel), r"coord: expected shape \[180,90\], got \[180\]"),
    "coord is not a number": (spoil(coord=put((1, 8), np.nan)), "frame 1, atom 2: coordinate z is nan"),
    "coord is infinite": (spoil(coord=put((0, 0), -np.inf)), "frame 0, atom 0: coordinate x is -inf"),
    "type is too short": (spoil(type=lambda a: a[:, 1:]), r"type: expected shape \[2,30\], got \[2,29\]"),
    "type of other frames": (spoil(type=lambda a: a[:1]), r"type: expected shape \[2,30\], got \[1,30\]"),
    "type is negative": (spoil(type=put((1, 5), -1)), r"frame 1, atom 5: expected a type in \[0, 3\), got -1"),
    "type is too large": (spoil(type=put((0, 29), 3)), r"frame 0, atom 29: expected a type in \[0, 3\), got 3"),
    "natoms is too short": (spoil(natoms=lambda a: a[:2]), "natoms: expected .*, got 2 numbers"),
    "natoms of other types": (spoil(natoms=lambda a: a[:4]), "natoms: expected 5 numbers for the 3 types .*, got 4"),
    "natoms is a matrix": (spoil(natoms=lambda a: a[None]), r"natoms: expected shape \[\?\], got \[1,5\]"),
    "natoms is negative": (spoil(natoms=put(0, -1)), "natoms: expected 0 <= nloc <= nall, got nloc -1"),
    "nloc above nall": (spoil(natoms=put(0, 31)), "natoms: expected 0 <= nloc <= nall, got nloc 31, nall 30"),
    "periodic with ghosts": (spoil(natoms=put(0, 20)), "a periodic frame has no ghost atoms"),
    "box of other frames": (spoil(box=lambda a: a[:1]), r"box: expected shape \[2,9\], got \[1,9\]"),
    "box is missing": (spoil(box=lambda a: a[:0]), r"box: expected shape \[2,9\], got \[0,9\]"),
    "box has no volume": (spoil(box=put(1, 0.0)), "frame 1, the cell must be finite and have a volume"),
    "mesh is a list": (spoil(mesh=lambda a: np.zeros(16, np.int32)), "mesh: expected length 6 .* native interface"),
    "mesh is a matrix": (spoil(mesh=lambda a: a[None]), r"mesh: expected shape \[\?\], got \[1,6\]"),
    "davg is too short": (spoil(davg=lambda a: a[:, :-1]), r"davg: expected shape \[3,96\], got \[3,95\]"),
    "dstd of other types": (spoil(dstd=lambda a: a[:1]), r"dstd: expected shape \[3,96\], got \[1,96\]"),
    "dstd is zero": (spoil(dstd=put((1, 7), 0.0)), "dstd not zero, got .* for type 1"),
    "rcut is zero": (spoil(rcut=lambda a: 0.0), "expected 0 <= rcut_smth < rcut"),
    "rcut_smth is above rcut": (spoil(rcut_smth=lambda a: 5.0), "expected 0 <= rcut_smth < rcut"),
    "sel is negative": (spoil(sel=lambda a: (8, -9, 7)), "sel_a: expected"),
    "sel is enormous": (spoil(sel=lambda a: (2**31 - 1, 2**31 - 1, 7)), "sel_a: expected"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case, rng):
    batch = make_batch(rng)
    change, message = WRONG[case]
    change(batch)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        batch()


def test_wrong_input_of_the_radial_op_is_named(rng):
    """What differs from the op of whole rows: the names of attributes, and the width of the tables."""
    for change, message in (
        (spoil(davg=lambda a: a[:, :-1]), r"davg: expected shape \[3,24\], got \[3,23\]"),
        (spoil(sel=lambda a: (8, -9, 7)), "sel: expected numbers of slots, got -9"),
        (spoil(rcut_smth=lambda a: 5.0), "expected 0 <= rcut_smth < rcut"),
    ):
        batch = make_batch(rng, descriptor="r")
        change(batch)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            batch()


@pytest.mark.parametrize(("descriptor", "name"), [("a", "sel_a"), ("r", "sel")])
def test_wrong_sel_in_a_graph(descriptor, name, rng):
    batch = make_batch(rng, descriptor=descriptor)
    batch.sel = (8, -9, 7)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=f"{name}: expected"):
        tf.function(batch)()


def test_atoms_at_one_position_are_named(rng):
    batch = make_batch(rng, "cluster")
    batch.coord[1, 12:15] = batch.coord[1, :3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="frame 1: atoms 0 and 4 are at the same position"):
        batch()


def test_open_mesh_with_batch_of_periodic_boxes_differs(rng):
    """The mesh, and nothing else, decides whether images are neighbors."""
    batch = make_batch(rng)
    periodic = batch(counted=True).max_neighbors
    batch.mesh = OPEN_MESH
    assert (batch(counted=True).max_neighbors.numpy() < periodic.numpy()).any()
