"""A whole model in one op equals the graph of many."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.nn.activation import ACTIVATIONS

from ..models import IN_ONE_OP, KINDS, model_config, variant_config
from .whole_model import make_frames, make_whole

OUTPUTS = ("atom_energy", "force", "virial", "atom_virial")
INT, FLOAT = np.int32, np.float64


def assert_same(got, expected, tolerance=1e-10):
    for name in OUTPUTS:
        reference = getattr(expected, name).numpy()
        scale = max(np.abs(reference).max(initial=0), 1e-3)
        np.testing.assert_allclose(getattr(got, name), reference, rtol=0, atol=tolerance * scale, err_msg=name)
    np.testing.assert_array_equal(got.max_neighbors, expected.max_neighbors)


def tolerance_of(config):
    nets = (config.model.descriptor, config.model.fitting_net, config.model.type_embedding)
    return 1e-10 if all(net is None or net.precision == "float64" for net in nets) else 2e-5


OF_FITTING = [name for name in ACTIVATIONS if name != "tanh"]


@pytest.mark.parametrize("name", [name for name in KINDS if name in IN_ONE_OP])
def test_equals_graph(name):
    config = variant_config(name)
    frames = make_frames(config)
    whole = make_whole(config, frames)
    assert_same(whole(), whole.expected(frames), tolerance_of(config))


@pytest.mark.parametrize("activation", OF_FITTING)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_activations_of_the_fitting_net(activation, precision):
    fitting = {"activation_function": activation, "precision": precision, "neuron": [7, 70, 70], "resnet_dt": True}
    config = model_config({"fitting_net": fitting})
    frames = make_frames(config)
    whole = make_whole(config, frames)
    assert_same(whole(), whole.expected(frames), tolerance_of(config))


@pytest.mark.parametrize("names", [("open",), ("small",), ("open", "rotated", "orthorhombic", "small", "open")])
def test_boundaries(names):
    config = variant_config("two_sides")
    frames = make_frames(config, names)
    whole = make_whole(config, frames)
    assert_same(whole(), whole.expected(frames))


def open_frame(coord, type=None):
    """One frame without a cell."""
    coord = np.reshape(np.asarray(coord, FLOAT), (-1, 3))
    type = np.arange(len(coord)) % 2 if type is None else type
    return Frames(
        tf.constant(coord),
        tf.constant(type, tf.int32),
        tf.constant([0, len(coord)], tf.int32),
        tf.zeros([1, 9], tf.float64),
        tf.constant([False]),
    )


def lattice(count: int, spacing: float, rng, shake: float = 0.1):
    """Positions of `count` atoms on a shaken cubic lattice."""
    side = int(np.ceil(count ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:count]
    return spacing * grid + rng.uniform(-shake, shake, (count, 3))


@pytest.mark.parametrize("one_side", [True, False])
@pytest.mark.parametrize(
    "coord",
    [[[0, 0, 0]], [[0, 0, 0], [9, 9, 9]], [[0, 0, 0], [1, 0.5, -0.7]]],
    ids=["one atom", "no edges", "one neighbor"],
)
def test_few_edges(coord, one_side):
    config = model_config({"descriptor": {"type_one_side": one_side}})
    frames = open_frame(coord)
    whole = make_whole(config, frames)
    assert_same(whole(), whole.expected(frames))


@pytest.mark.parametrize("nframes", [0, 2])
def test_no_atoms(nframes):
    config = variant_config("one_side")
    whole = make_whole(config, open_frame([[0, 0, 0]]))
    got = whole(
        coord=np.zeros((0, 3)),
        type=np.zeros(0, INT),
        frame_splits=np.zeros(nframes + 1, INT),
        box=np.zeros((nframes, 9)),
        periodic=np.zeros(nframes, bool),
        extra=np.zeros((0, 0)),
    )
    assert got.atom_energy.shape == (0,) and got.force.shape == (0, 3) and got.atom_virial.shape == (0, 9)
    np.testing.assert_array_equal(got.virial, np.zeros((nframes, 9)))
    np.testing.assert_array_equal(got.max_neighbors, [0, 0])


def test_many_neighbors(rng):
    config = variant_config("one_side")
    frames = open_frame(lattice(1100, 0.41, rng, 0.02))
    whole = make_whole(config, frames)
    got = whole()
    assert got.max_neighbors.numpy().sum() > 1000
    assert_same(got, whole.expected(frames))


@pytest.fixture(scope="module")
def large():
    """More than one wave of blocks, and a second frame."""
    rng = np.random.default_rng(4)
    config = variant_config("exclude_unlike")
    count = 6500
    coord = np.concatenate([lattice(count, 1.9, rng), lattice(50, 1.5, rng)])
    frames = Frames(
        tf.constant(coord),
        tf.constant(rng.integers(0, 2, count + 50), tf.int32),
        tf.constant([0, count, count + 50], tf.int32),
        tf.constant(np.array([36.1 * np.eye(3), 0 * np.eye(3)]).reshape(2, 9)),
        tf.constant([True, False]),
    )
    return make_whole(config, frames), frames


def test_many_blocks(large):
    whole, frames = large
    assert_same(whole(), whole.expected(frames))


def test_many_elements():
    """Codes of many types, in both forms."""
    types = [f"T{k}" for k in range(7)]
    config = model_config({"type_map": types, "descriptor": {"sel": [4] * 7, "type_one_side": False}})
    frames = open_frame(lattice(30, 1.7, np.random.default_rng(1)), np.arange(30) % 7)
    whole = make_whole(config, frames)
    assert_same(whole(), whole.expected(frames))


def test_force_is_the_derivative_of_the_energy():
    config = variant_config("two_sides")
    frames = make_frames(config)
    whole = make_whole(config, frames)
    force, step = whole().force.numpy(), 1e-5
    for atom, axis in ((0, 0), (3, 1), (7, 2), (13, 0)):
        energies = []
        for sign in (1, -1):
            coord = frames.coord.numpy()
            coord[atom, axis] += sign * step
            energies.append(whole(coord=coord).atom_energy.numpy().sum())
        np.testing.assert_allclose(-(energies[0] - energies[1]) / (2 * step), force[atom, axis], rtol=1e-6, atol=1e-7)


THREADS = """
import sys
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
from tests.ops.whole_model import evaluate
with np.load(sys.argv[2], allow_pickle=True) as file:
    inputs, attributes = file["inputs"].item(), file["attributes"].item()
np.savez(sys.argv[3], *[each.numpy() for each in evaluate(inputs, attributes)])
"""


def test_same_for_any_number_of_threads(large, tmp_path):
    whole, _ = large
    inputs = tf.nest.map_structure(np.asarray, whole.inputs)
    np.savez(tmp_path / "in.npz", inputs=inputs, attributes=whole.attributes)
    results = []
    for threads in (1, 2, 3):
        out = tmp_path / f"{threads}.npz"
        command = [sys.executable, "-c", THREADS, str(threads), str(tmp_path / "in.npz"), str(out)]
        subprocess.run(command, check=True, timeout=300)
        with np.load(out) as file:
            results.append([file[name] for name in file.files])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_shapes_are_inferred():
    config = variant_config("one_side")
    whole = make_whole(config, make_frames(config))

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None, 3], tf.float64), tf.TensorSpec([None], tf.int32)]
    )
    def run(coord, type):
        return whole(coord=coord, type=type)

    outputs = run.get_concrete_function().outputs
    assert [list(each.shape) for each in outputs] == [[None], [None, 3], [3, 9], [None, 9], [2]]


def test_there_is_no_gradient():
    config = variant_config("one_side")
    small = make_whole(config, make_frames(config))
    coord = tf.Variable(small.inputs["coord"])
    with tf.GradientTape() as tape:
        energy = tf.reduce_sum(small(coord=coord).atom_energy)
    assert tape.gradient(energy, coord) is None
