import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import _kernels, ops

from ..kernels.systems import FRAMES, PERIODIC
from .conftest import RCUT_SMTH, make_batch

NAMES = ("triclinic", "cluster", "no_atoms", "tiny_cell", "isolated_atom")
RCUT = 4.0
AVG, STD_RADIAL, STD_ANGULAR = (np.array(x) for x in ([0.1, 0.0, -0.2], [0.3, 0.5, 0.4], [0.2, 0.25, 0.6]))


class Frames:
    """The tensors that the ops on edges take, as arrays that a test may spoil."""

    def __init__(self, names=NAMES):
        frames = [FRAMES[name] for name in names]
        self.coord = np.concatenate([np.zeros((0, 3)), *(f.coord for f in frames)])
        self.type = np.concatenate([np.zeros(0, np.int32), *(f.type for f in frames)])
        self.splits = np.cumsum([0, *(len(f.coord) for f in frames)]).astype(np.int32)
        self.box = np.array([f.cell.ravel() for f in frames]).reshape(-1, 9)
        self.periodic = np.array([f.pbc == PERIODIC for f in frames], bool)
        self.rcut = RCUT

    @property
    def natoms(self) -> int:
        return len(self.coord)

    def edges(self):
        return ops.neighbor_edges(self.coord, self.type, self.splits, self.box, self.periodic, self.rcut, 3)

    def rows(self, edges, vec=None):
        vec = edges.edge_vec if vec is None else vec
        return ops.edge_rows(vec, edges.edge_splits, self.type, AVG, STD_RADIAL, STD_ANGULAR, RCUT, RCUT_SMTH)

    def force(self, edges, g):
        return ops.edge_force(g, edges.edge_splits, edges.neighbor, self.natoms)

    def virial(self, edges, g):
        return ops.edge_virial(g, edges.edge_vec, edges.edge_splits, edges.neighbor, self.splits)


@pytest.fixture
def few():
    """Few enough edges for a numerical derivative along each of them."""
    frames = Frames(("isolated_atom", "one_atom", "two_isolated_atoms"))
    frames.coord[-1] = frames.coord[-2] + [0.7, 1.1, -0.6]
    frames.rcut = 3.2
    return frames


def random(rng, *shape):
    return tf.constant(rng.normal(size=shape))


def test_search_equals_kernels():
    frames = Frames()
    edges = frames.edges()
    cell = frames.box.reshape(-1, 3, 3)
    expected = _kernels.neighbors_batch(frames.coord, frames.type, frames.splits, cell, frames.periodic, RCUT, 3)
    assert [x.dtype for x in edges] == [tf.int64, tf.int32, tf.float64, tf.int32]
    for got, array in zip(edges, expected, strict=True):
        np.testing.assert_array_equal(got, array)


def test_sums_equal_kernels(rng):
    frames = Frames()
    edges = frames.edges()
    splits, neighbor, vec = (x.numpy() for x in edges[:3])
    g = rng.normal(size=vec.shape)
    tables = (frames.type, AVG, STD_RADIAL, STD_ANGULAR, RCUT, RCUT_SMTH)
    np.testing.assert_array_equal(frames.rows(edges), _kernels.edge_rows(vec, splits, *tables))
    np.testing.assert_array_equal(frames.force(edges, g), _kernels.edge_force(g, splits, neighbor, frames.natoms))
    for got, expected in zip(
        frames.virial(edges, g), _kernels.edge_virial(g, vec, splits, neighbor, frames.splits), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["triclinic", "cluster", "tiny_cell"])
def test_equals_padded_ops(name, rng):
    """The energy, forces and virials of one function of the environment rows, on edges and on slots."""
    batch = make_batch(rng, name)
    batch.sel, batch.rcut = (90, 90, 90), RCUT
    nnei = sum(batch.sel)
    davg, dstd = np.zeros((3, nnei, 4)), np.empty((3, nnei, 4))
    davg[:, :, 0], dstd[:, :, 0], dstd[:, :, 1:] = AVG[:, None], STD_RADIAL[:, None], STD_ANGULAR[:, None, None]
    batch.davg, batch.dstd = davg.reshape(3, -1), dstd.reshape(3, -1)
    out = batch()
    weights = random(rng, 4)

    def energy(rows, there):
        return tf.reduce_sum(tf.sin(tf.reshape(rows, [-1, 4])) * weights * there)

    with tf.GradientTape() as tape:
        tape.watch(out.descrpt)
        padded = energy(out.descrpt, tf.reshape(tf.cast(out.nlist >= 0, tf.float64), [-1, 1]))
    net_deriv = tape.gradient(padded, out.descrpt)
    force = ops.prod_force_se_a(net_deriv, out.descrpt_deriv, out.nlist, batch.natoms, nnei)
    virial = ops.prod_virial_se_a(net_deriv, out.descrpt_deriv, out.rij, out.nlist, batch.natoms, nnei)

    frames = Frames((name, name))
    frames.coord, frames.type, frames.box = batch.coord.reshape(-1, 3), batch.type.ravel(), batch.box
    edges = frames.edges()
    vec = edges.edge_vec
    # Attributes of the padded op are float32.
    tables = (frames.type, AVG, STD_RADIAL, STD_ANGULAR, batch.rcut, float(np.float32(RCUT_SMTH)))
    with tf.GradientTape() as tape:
        tape.watch(vec)
        total = energy(ops.edge_rows(vec, edges.edge_splits, *tables), 1.0)
    g = tape.gradient(total, vec)
    assert float(total) == pytest.approx(float(padded), rel=1e-12)
    np.testing.assert_allclose(frames.force(edges, g), tf.reshape(force, [-1, 3]), rtol=1e-10, atol=1e-9)
    got = frames.virial(edges, g)
    np.testing.assert_allclose(got.virial, virial.virial, rtol=1e-10, atol=1e-8)
    np.testing.assert_allclose(got.atom_virial, tf.reshape(virial.atom_virial, [-1, 9]), rtol=1e-10, atol=1e-8)


def assert_gradient(function, argument, delta=1e-4, atol=1e-6):
    theoretical, numerical = tf.test.compute_gradient(function, [argument], delta=delta)
    scale = max(1.0, np.abs(numerical[0]).max())
    np.testing.assert_allclose(theoretical[0] / scale, numerical[0] / scale, atol=atol)
    assert np.abs(numerical[0]).max() > 1e-3


def test_first_gradients(few, rng):
    edges = few.edges()
    assert 8 < len(edges.neighbor) < 60
    g = random(rng, *edges.edge_vec.shape)
    assert_gradient(lambda vec: few.rows(edges, vec), edges.edge_vec)
    assert_gradient(lambda g: few.force(edges, g), g)
    assert_gradient(lambda g: tf.concat(few.virial(edges, g), axis=0), g)
    assert_gradient(lambda g: few.virial(edges, g).virial, g)
    assert_gradient(lambda g: few.virial(edges, g).atom_virial, g)


def test_gradients_of_the_transposes(few, rng):
    edges = few.edges()
    library = ops.load()
    tables = (edges.edge_splits, few.type, AVG, STD_RADIAL, STD_ANGULAR, RCUT, RCUT_SMTH)
    nedge = len(edges.neighbor)
    assert_gradient(lambda g: library.edge_rows_grad(g, edges.edge_vec, *tables), random(rng, nedge, 4))
    assert_gradient(lambda v: library.edge_rows_tangent(v, edges.edge_vec, *tables), random(rng, nedge, 3))
    where = (edges.edge_splits, edges.neighbor)
    assert_gradient(lambda g: library.edge_force_grad(g, *where, few.natoms), random(rng, few.natoms, 3))
    frames, atoms = random(rng, 3, 9), random(rng, few.natoms, 9)
    where = (edges.edge_vec, *where, few.splits)
    assert_gradient(lambda g: library.edge_virial_grad(g, atoms, *where), frames)
    assert_gradient(lambda g: library.edge_virial_grad(frames, g, *where), atoms)


@pytest.mark.parametrize("in_graph", [False, True])
def test_training_gradient(in_graph, few, rng):
    """The derivative of a loss on forces and virials with respect to a parameter of the energy."""
    edges = few.edges()

    def loss(parameter):
        vec = edges.edge_vec
        with tf.GradientTape() as tape:
            tape.watch(vec)
            energy = tf.reduce_sum(tf.sin(few.rows(edges, vec) * parameter))
        g = tape.gradient(energy, vec)
        return tf.reduce_sum(few.force(edges, g) ** 2) + tf.reduce_sum(few.virial(edges, g).virial ** 2)

    assert_gradient(tf.function(loss) if in_graph else loss, random(rng, 4), delta=1e-5)


def test_what_has_no_gradient(few):
    """Coordinates are constants in training: derivatives through them are None rather than incomplete."""
    edges = few.edges()
    coord, vec = tf.constant(few.coord), edges.edge_vec
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([coord, vec])
        few.coord = coord
        found = tf.reduce_sum(few.edges().edge_vec)
        with tf.GradientTape() as tape:
            tape.watch(vec)
            total = tf.reduce_sum(few.rows(edges, vec))
        g = tape.gradient(total, vec)
        virial = ops.edge_virial(tf.ones_like(vec), vec, edges.edge_splits, edges.neighbor, few.splits).virial
    assert outer.gradient(found, coord) is None
    assert outer.gradient(g, vec) is None
    assert outer.gradient(virial, vec) is None


@pytest.mark.parametrize("names", [(), ("no_atoms",), ("isolated_atom", "no_atoms_open")])
def test_no_edges(names):
    frames = Frames(names)
    edges = frames.edges()
    assert edges.edge_vec.shape == (0, 3) and edges.edge_splits.shape == (frames.natoms + 1,)
    assert frames.rows(edges).shape == (0, 4)
    assert not frames.force(edges, edges.edge_vec).numpy().any()
    virial = frames.virial(edges, edges.edge_vec)
    assert virial.virial.shape == (len(names), 9) and virial.atom_virial.shape == (frames.natoms, 9)
    assert not virial.virial.numpy().any()


def test_large_batch_equals_one_thread(rng):
    """More work than one of TensorFlow's threads takes on alone."""
    frames = Frames(("dense", "cubic", "dense"))
    edges = frames.edges()
    splits, neighbor, vec = (x.numpy() for x in edges[:3])
    g = rng.normal(size=vec.shape)
    np.testing.assert_array_equal(frames.force(edges, g), _kernels.edge_force(g, splits, neighbor, frames.natoms))
    np.testing.assert_array_equal(
        frames.virial(edges, g).atom_virial, _kernels.edge_virial(g, vec, splits, neighbor, frames.splits)[1]
    )


def test_graph_shapes():
    spec = tf.TensorSpec

    @tf.function(
        input_signature=[
            spec([None, 3], tf.float64), spec([None], tf.int32), spec([4], tf.int32), spec([3, 9], tf.float64),
            spec([3], tf.bool), spec([], tf.int32),
        ]
    )  # fmt: skip
    def run(coord, type, splits, box, periodic, natoms):
        edges = ops.neighbor_edges(coord, type, splits, box, periodic, RCUT, 3)
        assert [x.shape.as_list() for x in edges] == [[None], [None], [None, 3], [3]]
        vec = edges.edge_vec
        with tf.GradientTape() as tape:
            tape.watch(vec)
            rows = ops.edge_rows(vec, edges.edge_splits, type, AVG, STD_RADIAL, STD_ANGULAR, RCUT, RCUT_SMTH)
            total = tf.reduce_sum(rows)
        g = tape.gradient(total, vec)
        assert rows.shape.as_list() == [None, 4] and g.shape.as_list() == [None, 3]
        assert ops.edge_force(g, edges.edge_splits, edges.neighbor, natoms).shape.as_list() == [None, 3]
        assert ops.edge_force(g, edges.edge_splits, edges.neighbor, 7).shape.as_list() == [7, 3]
        virial = ops.edge_virial(g, vec, edges.edge_splits, edges.neighbor, splits)
        assert [x.shape.as_list() for x in virial] == [[3, 9], [None, 9]]
        return g

    run.get_concrete_function()


def put(name, index, value):
    def change(frames):
        array = getattr(frames, name).copy()
        array[index] = value
        setattr(frames, name, array)

    return change


def cut(name, size):
    def change(frames):
        setattr(frames, name, getattr(frames, name)[:size])

    return change


WRONG = {
    "coord is too short": (cut("coord", 5), r"coord: expected shape \[58,3\]|must be equal"),
    "box of fewer frames": (cut("box", 2), r"box: expected shape \[5,9\], got \[2,9\]"),
    "periodic of fewer frames": (cut("periodic", 2), r"periodic: expected shape \[5\], got \[2\]"),
    "no splits": (cut("splits", 0), "frame_splits: expected at least one number"),
    "splits of fewer frames": (cut("splits", 2), "frame_splits: expected numbers .* end at the number of atoms, 58"),
    "splits fall": (put("splits", 1, 57), "frame_splits: expected numbers that begin at 0, never fall"),
    "splits are negative": (put("splits", 1, -7), "frame_splits: expected numbers that begin at 0, never fall"),
    "type is too large": (put("type", 33, 3), r"frame 1, atom 3: expected a type in \[0, 3\), got 3"),
    "type is negative": (put("type", 0, -1), r"frame 0, atom 0: expected a type in \[0, 3\), got -1"),
    "coord is not a number": (put("coord", (33, 1), np.nan), "frame 1, atom 3: coordinate y is nan"),
    "box has no volume": (put("box", 0, 0.0), "frame 0, the cell must be finite and have a volume"),
    "rcut is zero": (lambda frames: setattr(frames, "rcut", 0.0), "rcut must be positive and finite"),
    "rcut is a vector": (lambda frames: setattr(frames, "rcut", [4.0]), r"rcut: expected shape \[\], got \[1\]"),
    "same position": (
        lambda frames: put("coord", 33, frames.coord[31])(frames),
        "frame 1: atoms 1 and 3 are at the same position",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_frames_are_named(case):
    frames = Frames()
    change, message = WRONG[case]
    change(frames)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        frames.edges()


EDGES = {
    "neighbor too large": ("neighbor", 3, 100, "neighbor: expected an atom in .* got 100 for center"),
    "neighbor negative": ("neighbor", 3, -(2**31), "neighbor: expected an atom in .* got -2147483648 for center"),
    "splits fall": ("edge_splits", 1, 10**12, "edge_splits: expected numbers that begin at 0, never fall"),
    "splits begin late": ("edge_splits", 0, -(10**12), "edge_splits: expected numbers that begin at 0"),
    "splits end late": ("edge_splits", -1, 10**12, "edge_splits: expected numbers that begin at 0"),
}


@pytest.mark.parametrize("case", EDGES)
def test_wrong_edges_are_named(case, few, rng):
    name, index, value, message = EDGES[case]
    edges = few.edges()
    g = random(rng, *edges.edge_vec.shape)
    array = getattr(edges, name).numpy()
    array[index] = value
    edges = edges._replace(**{name: array})
    library = ops.load()
    where = (edges.edge_splits, edges.neighbor)
    calls = [
        lambda: few.force(edges, g),
        lambda: few.virial(edges, g),
        lambda: library.edge_force_grad(np.zeros((few.natoms, 3)), *where, few.natoms),
        lambda: library.edge_virial_grad(
            np.zeros((3, 9)), np.zeros((few.natoms, 9)), edges.edge_vec, *where, few.splits
        ),
    ]
    for call in calls if name == "neighbor" else [*calls, lambda: few.rows(edges)]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            call()


def test_other_wrong_input_is_named(few):
    edges = few.edges()
    splits, neighbor, vec = edges[:3]
    tables = (few.type, AVG, STD_RADIAL, STD_ANGULAR)
    library = ops.load()
    calls = {
        "rcut_smth < rcut": lambda: ops.edge_rows(vec, splits, *tables, 3.0, 3.0),
        r"std_radial: expected shape \[3\]": lambda: ops.edge_rows(
            vec, splits, few.type, AVG, STD_RADIAL[:2], STD_ANGULAR, 4.0, 1.0
        ),
        "type: expected one for each of the 4 centers, got 2": lambda: ops.edge_rows(
            vec, splits, few.type[:2], AVG, STD_RADIAL, STD_ANGULAR, 4.0, 1.0
        ),
        r"type: expected numbers in \[0, 1\)": lambda: ops.edge_rows(
            vec, splits, few.type + 1, AVG[:1], STD_RADIAL[:1], STD_ANGULAR[:1], 4.0, 1.0
        ),
        "edge_splits": lambda: ops.edge_rows(vec[1:], splits, *tables, 4.0, 1.0),
        "finite length above zero": lambda: ops.edge_rows(0 * vec, splits, *tables, 4.0, 1.0),
        "rows_grad: expected shape|must be equal": lambda: library.edge_rows_grad(
            np.zeros((3, 4)), vec, splits, *tables, 4.0, 1.0
        ),
        r"edge_grad: expected shape \[\d+,3\]": lambda: ops.edge_force(vec[1:], splits, neighbor, 4),
        "natoms: expected at least the number of centers, 4, got 3": lambda: ops.edge_force(vec, splits, neighbor, 3),
        r"grad: expected shape \[4,3\]": lambda: library.edge_force_grad(np.zeros((3, 3)), splits, neighbor, 4),
        r"edge_vec: expected shape \[\d+,3\]": lambda: ops.edge_virial(vec, vec[1:], splits, neighbor, few.splits),
        "frame_splits: expected at least": lambda: ops.edge_virial(vec, vec, splits, neighbor, few.splits[:0]),
        "frame_splits: expected numbers": lambda: ops.edge_virial(vec, vec, splits, neighbor, -few.splits),
        r"expected an atom in \[\d, \d\), got \d for center": lambda: ops.edge_virial(
            vec, vec, splits, neighbor, np.array([0, 3, 4], np.int32)
        ),
    }
    for message, call in calls.items():
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
            call()
