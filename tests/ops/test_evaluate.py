"""A whole model in one op equals the graph of many."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.descriptor.tabulation import Resolution
from deepmd_tf.nn.activation import ACTIVATIONS

from ..frames import make_frame
from ..models import IN_ONE_OP, KINDS, model_config, random_model, variant_config

OUTPUTS = ("atom_energy", "force", "virial", "atom_virial")
SHORTEST = 0.3
INT, FLOAT = np.int32, np.float64


def evaluate(inputs: dict[str, Any], attributes: dict[str, Any]) -> ops.Evaluation:
    """Call the op with inputs and attributes by name."""

    def part(kind, values=inputs):
        return kind(**{name: values[name] for name in kind._fields})

    parts = [part(kind) for kind in (ops.DescriptorInputs, ops.TableInputs, ops.FittingInputs)]
    return ops.evaluate_model(part(ops.FrameInputs), ops.WholeModel(*parts, part(ops.ModelOptions, attributes)))


@dataclass
class Whole:
    """A model and frames as the op takes them, which a test may change."""

    model: Any
    inputs: dict[str, Any]
    attributes: dict[str, Any]

    def __call__(self, **changes):
        return evaluate({**self.inputs, **changes}, self.attributes)

    def expected(self, frames: Frames):
        """The same by the graph form."""

        @tf.function(autograph=False)
        def run():
            return self.model(frames)

        return run()


def resolved_table(descriptor, type_table):
    """The table on panels as fine as training would choose."""
    (per_octave,) = Resolution.reaching(descriptor.members, type_table, SHORTEST).per_octave
    return descriptor.whole_table(type_table, SHORTEST, per_octave)


def fitting_inputs(fitting, type_table):
    """Matrices of the fitting nets; what depends on the type alone is a bias."""
    ntypes, precision, nets = fitting.ntypes, fitting.config.precision, fitting.nets
    bias = fitting.energy_bias
    if fitting.config.atom_ener:
        bias = bias - fitting._in_vacuum(type_table, tf.range(ntypes), None)
    firsts = [tf.split(net.layers[0].matrix, net.widths, axis=0) for net in nets]
    if type_table is None:
        first_bias = tf.stack([net.layers[0].bias for net in nets])
    else:
        first_bias = tf.matmul(tf.cast(type_table, precision), firsts[0][1]) + nets[0].layers[0].bias
    none = tf.zeros([0], precision)
    return {
        "first_matrix": [w_descriptor for w_descriptor, _, _ in firsts],
        "extra_matrix": [w_extra for _, _, w_extra in firsts],
        "first_bias": first_bias,
        "matrices": [layer.matrix for net in nets for layer in net.layers[1:]],
        "biases": [layer.bias for net in nets for layer in net.layers[1:]],
        "idts": [none if layer.idt is None else layer.idt for net in nets for layer in net.layers],
        "final_matrix": [net.final.matrix for net in nets],
        "atom_bias": bias + tf.concat([tf.cast(net.final.bias, tf.float64) for net in nets], axis=0),
    }


def frame_inputs(frames: Frames, fitting):
    """Frames and what the fitting net is given beside the descriptor."""
    of_atom = np.repeat(np.arange(len(frames.splits) - 1), np.diff(frames.splits))
    fparam = None if frames.fparam is None else tf.gather(frames.fparam, of_atom)
    extra = fitting._extra(fparam, frames.aparam)
    precision = fitting.config.precision
    extra = tf.zeros([len(frames.type), 0], precision) if extra is None else tf.cast(extra, precision)
    return {
        **{name: getattr(frames, name) for name in ("coord", "type", "box", "periodic")},
        "frame_splits": frames.splits,
        "extra": extra,
    }


def make_whole(config, frames: Frames, seed: int = 3) -> Whole:
    """A random model."""
    model, _ = random_model(config, seed)
    descriptor, section = model.descriptor, config.model.descriptor
    type_table = model.type_table()
    table = resolved_table(descriptor, type_table)
    normalization = descriptor.normalization
    inputs = {
        **frame_inputs(frames, model.fitting),
        **{name: getattr(normalization, name) for name in ("avg", "std_radial", "std_angular")},
        **{name: getattr(table.panels, name) for name in ("lowest", "unit", "per_octave")},
        **{name: getattr(table, name) for name in ("table", "empty")},
        **{"rcut": section.rcut, "rcut_smth": section.rcut_smth, "sel": np.array(descriptor.sel, INT)},
        **fitting_inputs(model.fitting, type_table),
    }
    attributes = {
        "one_side": section.type_one_side,
        "exclude_types": section.exclude_types,
        "axis_neuron": section.axis_neuron,
        "activation": config.model.fitting_net.activation_function,
    }
    return Whole(model, inputs, attributes)


def make_frames(config, names=("triclinic", "open", "small")) -> Frames:
    """Frames of different size and boundaries in one batch."""
    frames = [make_frame(name, config=config) for name in names]

    def joined(values, width):
        return tf.constant(np.concatenate([np.reshape(each, (-1, width)) for each in values]))

    fitting = config.model.fitting_net
    cells = [np.zeros((3, 3)) if frame.cell is None else frame.cell for frame in frames]
    return Frames(
        joined((frame.coord for frame in frames), 3),
        tf.constant(np.concatenate([frame.types for frame in frames]), tf.int32),
        tf.constant(np.cumsum([0, *(frame.natoms for frame in frames)]), tf.int32),
        tf.constant(np.reshape(cells, (-1, 9)), tf.float64),
        tf.constant([frame.cell is not None for frame in frames]),
        joined((frame.fparam for frame in frames), fitting.numb_fparam) if fitting.numb_fparam else None,
        joined((frame.aparam for frame in frames), fitting.numb_aparam) if fitting.numb_aparam else None,
    )


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
from tests.ops.test_evaluate import evaluate
with np.load(sys.argv[2], allow_pickle=True) as file:
    inputs, attributes = file["inputs"].item(), file["attributes"].item()
np.savez(sys.argv[3], *[each.numpy() for each in evaluate(inputs, attributes)])
"""


def test_same_for_any_number_of_threads(large, tmp_path):
    import subprocess
    import sys

    whole, _ = large
    inputs = tf.nest.map_structure(np.asarray, whole.inputs)
    np.savez(tmp_path / "in.npz", inputs=inputs, attributes=whole.attributes)
    results = []
    for threads in (1, 3):
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


def array_of(whole: Whole, name: str) -> np.ndarray:
    return tf.convert_to_tensor(whole.inputs[name]).numpy().copy()


def changed(whole: Whole, name: str, index, value) -> dict[str, Any]:
    array = array_of(whole, name)
    array[index] = value
    return {name: array}


def with_shape(whole: Whole, name: str, change) -> dict[str, Any]:
    return {name: change(array_of(whole, name))}


def with_entry(whole: Whole, name: str, change) -> dict[str, Any]:
    """Change the first of a list of inputs."""
    first, *others = whole.inputs[name]
    return {name: [change(tf.convert_to_tensor(first).numpy()), *others]}


REFUSED = {
    "type too large": (lambda w: changed(w, "type", 8, 2), r"frame 1, atom 2: expected a type in \[0, 2\), got 2"),
    "type negative": (lambda w: changed(w, "type", 0, -1), "frame 0, atom 0: expected a type"),
    "splits fall": (lambda w: changed(w, "frame_splits", 1, 13), "frame_splits: expected numbers"),
    "splits end late": (lambda w: changed(w, "frame_splits", -1, 99), "frame_splits: .* the number of atoms"),
    "no number": (lambda w: changed(w, "coord", (7, 1), np.nan), "frame 1, atom 1: coordinate y is nan"),
    "no volume": (lambda w: changed(w, "box", 0, 0.0), "frame 0, the cell must be finite and have a volume"),
    "coord": (lambda w: with_shape(w, "coord", lambda x: x[:, :2]), r"coord: expected shape \[14,3\]"),
    "box": (lambda w: with_shape(w, "box", lambda x: x[:2]), r"box: expected shape \[3,9\]"),
    "periodic": (lambda w: with_shape(w, "periodic", lambda x: x[:2]), r"periodic|Dimensions must be equal"),
    "extra is long": (lambda w: {"extra": np.zeros((14, 3))}, r"extra: expected shape \[14,0\]"),
    "extra has few rows": (lambda w: {"extra": np.zeros((3, 0))}, r"extra: expected shape \[14,0\]"),
    "avg": (lambda w: with_shape(w, "avg", lambda x: x[:1]), r"std_radial|table|exclude"),
    "std": (lambda w: with_shape(w, "std_radial", lambda x: x[:1]), r"std_radial: expected shape \[2\]"),
    "std is zero": (lambda w: {"std_angular": np.zeros(2)}, "the last two not zero"),
    "sel": (lambda w: {"sel": np.array([3], INT)}, r"sel: expected shape \[2\]"),
    "sel is negative": (lambda w: {"sel": np.array([-3, 9], INT)}, "sel: expected numbers of slots"),
    "sel is zero": (lambda w: {"sel": np.zeros(2, INT)}, "sel: expected 1 to"),
    "rcut": (lambda w: {"rcut": -1.0}, "rcut"),
    "rcut_smth": (lambda w: {"rcut_smth": 99.0}, "rcut_smth"),
    "rcut is no number": (lambda w: {"rcut": np.nan}, "rcut"),
    "unit": (lambda w: {"unit": 0.0}, "panels: expected a positive unit"),
    "lowest": (lambda w: {"lowest": np.nan}, "panels|nearer"),
    "per_octave": (lambda w: {"per_octave": 0}, "per_octave: expected 1 to"),
    "per_octave is large": (lambda w: {"per_octave": 2**30}, "per_octave: expected 1 to"),
    "codes": (lambda w: with_shape(w, "table", lambda x: x[:1]), r"table: expected shape \[2,"),
    "panels": (lambda w: with_shape(w, "table", lambda x: x[:, :0]), "table: expected .codes, panels"),
    "few terms": (lambda w: with_shape(w, "table", lambda x: x[:, :, :1]), "table: expected .codes, panels"),
    "many terms": (lambda w: with_shape(w, "table", lambda x: np.repeat(x, 3, axis=2)), "table: expected .codes"),
    "columns": (lambda w: with_shape(w, "table", lambda x: x[..., :7]), "empty: expected shape"),
    "few columns": (
        lambda w: {"table": w.inputs["table"][..., :2], "empty": w.inputs["empty"][..., :2]},
        "axis_neuron: expected 1 to 2",
    ),
    "empty": (lambda w: with_shape(w, "empty", lambda x: x[:1]), "empty: expected shape"),
    "first_matrix": (lambda w: with_entry(w, "first_matrix", lambda x: x[1:]), "first_matrix.0.: expected shape"),
    "extra_matrix": (lambda w: with_entry(w, "extra_matrix", lambda x: x[:, 1:]), "extra_matrix.0.: expected shape"),
    "nets": (
        lambda w: {name: 3 * w.inputs[name] for name in ("first_matrix", "extra_matrix", "final_matrix")},
        "first_matrix: expected one net or one for each of 2 types, got 3",
    ),
    "first_bias": (lambda w: with_shape(w, "first_bias", lambda x: x[1:]), "first_bias: expected shape"),
    "matrices": (lambda w: {"matrices": [np.zeros((5, 6))]}, r"matrices.0.: expected shape \[6,\?\]"),
    "biases": (lambda w: {"biases": [np.zeros(5)]}, r"biases.0.: expected shape \[6\]"),
    "idts": (lambda w: {"idts": [np.zeros(0), np.zeros(5)]}, r"idts.1.: expected shape \[6\]"),
    "few idts": (lambda w: {"idts": [np.zeros(0)]}, "one more of idts"),
    "no neurons": (
        lambda w: {"matrices": [np.zeros((6, 0))], "biases": [np.zeros(0)], "final_matrix": [np.zeros((0, 1))]},
        "at least one neuron",
    ),
    "final_matrix": (lambda w: with_entry(w, "final_matrix", lambda x: x[1:]), "final_matrix.0.: expected shape"),
    "atom_bias": (lambda w: {"atom_bias": np.zeros(3)}, "atom_bias: expected shape"),
}


@pytest.fixture(scope="module")
def small():
    config = variant_config("one_side")
    return make_whole(config, make_frames(config))


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, small):
    change, message = REFUSED[case]
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
        small(**change(small))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"activation": "sine"}, "activation: expected one of tanh, .* got 'sine'"),
        ({"exclude_types": [[0, 2]]}, r"exclude_types: expected types in \[0, 2\), got 0 and 2"),
        ({"axis_neuron": 9}, "axis_neuron: expected 1 to 8"),
        ({"axis_neuron": 4}, "first_matrix.0.: expected shape"),
        ({"one_side": False}, "table: expected shape"),
    ],
)
def test_refused_attributes(small, attributes, message):
    spoiled = dataclasses.replace(small, attributes={**small.attributes, **attributes})
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        spoiled()


def test_atoms_too_near_are_named(small):
    coord = array_of(small, "coord")
    coord[9] = coord[7] + [0.0, 0.0123, 0.0]
    message = r"frame 1: atoms 1 and 3 are 0.0123 Å apart, nearer than the model's table reaches \(0\.\d+ Å\)"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        small(coord=coord)
    coord[9] = coord[7]
    with pytest.raises(tf.errors.InvalidArgumentError, match="frame 1: atoms 1 and 3 are at the same position"):
        small(coord=coord)


def test_table_reaches_as_far_as_it_says(small):
    """Just outside the distance of the message a pair is computed, just inside it is refused."""
    coord = array_of(small, "coord")
    coord[9] = coord[7] + [0.0, 0.0123, 0.0]
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        small(coord=coord)
    reach = float(ops.op_message(error.value).split("reaches (")[1].split()[0])
    assert reach <= SHORTEST
    coord[9] = coord[7] + [0.0, reach * 1.001, 0.0]
    assert np.isfinite(small(coord=coord).force).all()
    coord[9] = coord[7] + [0.0, reach * 0.999, 0.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="nearer"):
        small(coord=coord)


def test_there_is_no_gradient(small):
    coord = tf.Variable(small.inputs["coord"])
    with tf.GradientTape() as tape:
        energy = tf.reduce_sum(small(coord=coord).atom_energy)
    assert tape.gradient(energy, coord) is None
