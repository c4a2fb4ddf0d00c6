"""The faces of the ops for GPUs give what those for the processor give."""

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.tabulation import Resolution

from ..models import random_model, variant_config
from . import gpu_faces
from .conftest import make_batch, make_slots
from .test_contraction import make_edges, make_table
from .test_edges import AVG, RCUT, RCUT_SMTH, STD_ANGULAR, STD_RADIAL, Frames, random
from .whole_model import make_frames, make_whole

pytestmark = pytest.mark.usefixtures("emulated_ops")


def edge_rows(rng):
    frames = Frames()
    edges = frames.edges()
    nedge = len(edges.neighbor)
    tables = (edges.edge_splits, frames.type, AVG, STD_RADIAL, STD_ANGULAR, RCUT, RCUT_SMTH)
    library = ops.load()

    def function(vec, rows_grad, v):
        return (
            ops.edge_rows(vec, *tables),
            library.edge_rows_grad(rows_grad, vec, *tables),
            library.edge_rows_tangent(v, vec, *tables),
        )

    return function, edges.edge_vec, random(rng, nedge, 4), random(rng, nedge, 3)


def edge_sums(rng, names=("triclinic", "cluster", "no_atoms", "tiny_cell", "isolated_atom")):
    frames = Frames(names)
    edges = frames.edges()
    where = (edges.edge_splits, edges.neighbor)
    library = ops.load()

    def function(g, of_atoms, of_frames, of_each):
        return (
            frames.force(edges, g),
            library.edge_force_grad(of_atoms, *where, frames.natoms),
            frames.virial(edges, g),
            library.edge_virial_grad(of_frames, of_each, edges.edge_vec, *where, frames.splits),
        )

    n = frames.natoms
    return function, *(random(rng, *shape) for shape in (edges.edge_vec.shape, (n, 3), (len(names), 9), (n, 9)))


def edge_sums_of_many_frames(rng):
    """More frames than go with one launch of a kernel."""
    return edge_sums(rng, ("one_atom", "two_isolated_atoms") * 600)


def flat_frames(rng):
    coord, box = random(rng, 3, 12), random(rng, 3, 9)
    return ops.flat_frames, coord, np.zeros((3, 4), np.int32), np.array([4, 4, 4], np.int32), box, np.zeros(6, np.int32)


def search(rng, names=("triclinic", "cluster", "no_atoms", "tiny_cell", "isolated_atom")):
    frames = Frames(names)

    def function(coord, type):
        frames.coord, frames.type = coord, type
        return frames.edges()

    return function, frames.coord, frames.type


def environment(rng, descriptor="a", dtype=np.float64, name="triclinic"):
    batch = make_batch(rng, name, dtype=dtype, descriptor=descriptor)

    def function(coord, davg):
        batch.coord, batch.davg = coord, davg
        return batch(), batch(counted=True)

    return function, batch.coord, batch.davg


def environment_in_float32(rng):
    return environment(rng, dtype=np.float32)


def open_environment(rng):
    return environment(rng, name="cluster")


def radial_environment(rng):
    return environment(rng, "r")


def radial_environment_in_float32(rng):
    return environment(rng, "r", np.float32, "cluster")


def slots(rng, descriptor="a", dtype=np.float64):
    slots = make_slots(rng, nloc=9, nall=13, nnei=40, dtype=dtype, descriptor=descriptor)

    def function(net_deriv, of_atoms, of_frames, of_each):
        with tf.GradientTape() as tape:
            tape.watch(net_deriv)
            force = slots.force(net_deriv)
            virial, atom_virial = slots.virial(net_deriv)
            total = sum(
                tf.reduce_sum(a * b) for a, b in ((force, of_atoms), (virial, of_frames), (atom_virial, of_each))
            )
        return force, virial, atom_virial, tape.gradient(total, net_deriv)

    given = (rng.normal(size=(2, width)).astype(dtype) for width in (39, 9, 117))
    return function, slots.net_deriv, *given


def slots_in_float32(rng):
    return slots(rng, dtype=np.float32)


def radial_slots(rng):
    return slots(rng, "r")


def radial_slots_in_float32(rng):
    return slots(rng, "r", np.float32)


def radial_cells(rng, per_octave=2, one_side=True):
    edges = make_edges(rng)

    def function(rows):
        edges.rows = rows
        return edges.cells(per_octave, one_side, [[0, 2]])

    return function, edges.rows


def radial_cells_of_two_sides(rng):
    return radial_cells(rng, 1, one_side=False)


def a_cell_around_every_edge(rng):
    return radial_cells(rng, 0)


def contraction(rng, dtype=np.float64):
    edges = make_edges(rng, ncenters=12, most=40)
    cells = edges.cells(exclude_types=[[0, 1]])
    table = make_table(rng, cells).astype(dtype)
    t_grad = rng.normal(size=(12, 4, table.shape[2])).astype(dtype)
    terms, library = table.shape[1], ops.load()

    def function(table, rows, v, t_grad):
        geometry = (rows, *cells[1:9])  # as the op takes them
        return (
            library.contract_cells(table, *geometry),
            library.contract_cells_tangent(v, table, *geometry),
            library.contract_cells_grad_rows(t_grad, table, *geometry),
            library.contract_cells_grad_table(t_grad, *geometry, terms=terms),
            library.contract_cells_tangent_grad_table(t_grad, v, *geometry, terms=terms),
        )

    return function, table, edges.rows, random(rng, *edges.rows.shape), t_grad


def contraction_in_float32(rng):
    return contraction(rng, np.float32)


def pairs(rng):
    sizes, terms, library = [6, 0, 1, 4], 8, ops.load()
    neighbor, type = rng.integers(0, 7, sum(sizes)).astype(np.int32), rng.integers(0, 3, 7).astype(np.int32)
    rows = random(rng, sum(sizes), 4)
    edges = ops.PairEdges(rows, np.cumsum([0, *sizes]), neighbor, type, ops.Panels(0.0, 2.0, 2))
    cells = ops.pair_cells(edges, ntypes=3)
    of_cells = [cells.cell_code.numpy(), cells.cell_panel.numpy()]

    def function(rows, v, moments_grad):
        given = edges._replace(rows=rows)
        geometry = (*given.inputs, *of_cells)
        return (
            *ops.pair_cells(given, ntypes=3),
            library.pair_moments(*geometry, ntypes=3, terms=terms),
            library.pair_moments_tangent(v, *geometry, ntypes=3, terms=terms),
            library.pair_moments_grad_rows(moments_grad, *geometry, ntypes=3),
        )

    return function, rows, random(rng, *rows.shape), random(rng, len(sizes), len(of_cells[0]), terms)


def products(rng, dtype=np.float64):
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((37, 50), (50, 21)))
    product = ops.load().dense_product

    def function(a, b):
        at, bt = tf.transpose(a), tf.transpose(b)
        return (
            product(a, b),
            product(at, b, transpose_a=True),
            product(a, bt, transpose_b=True),
            product(at, bt, transpose_a=True, transpose_b=True),
        )

    return function, a, b


def products_in_float32(rng):
    return products(rng, np.float32)


def whole_model(rng, variant="two_sides"):
    config = variant_config(variant)
    frames = make_frames(config)
    whole = make_whole(config, frames)
    return lambda coord: whole(coord=coord), frames.coord


def training_step(rng, variant="two_sides", panels=4):
    """The gradients of a loss on energies, forces and virials by every parameter of a model."""
    config = variant_config(variant)
    frames = make_frames(config)
    model, parameters = random_model(config, 3)
    variables = [v for v in parameters.by_name.values() if v.trainable]

    def function(coord):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            tabulation = model.tabulation(Resolution((panels,)))
            prediction = model(frames._replace(coord=coord), tabulation)
            loss = sum(tf.reduce_sum(part**2) for part in (prediction.energy, prediction.force, prediction.virial))
        unconnected = tf.UnconnectedGradients.ZERO
        return loss, tape.gradient(loss, variables, unconnected_gradients=unconnected), prediction.max_neighbors

    return function, frames.coord


CASES = {
    case.__name__: case
    for case in (
        edge_rows,
        edge_sums,
        edge_sums_of_many_frames,
        flat_frames,
        search,
        environment,
        environment_in_float32,
        open_environment,
        radial_environment,
        radial_environment_in_float32,
        slots,
        slots_in_float32,
        radial_slots,
        radial_slots_in_float32,
        radial_cells,
        radial_cells_of_two_sides,
        a_cell_around_every_edge,
        contraction,
        contraction_in_float32,
        pairs,
        products,
        products_in_float32,
        whole_model,
        training_step,
    )
}


@pytest.mark.parametrize("case", CASES)
def test_equal(case, rng):
    gpu_faces.assert_same(*CASES[case](rng))


def test_every_face_is_compared(rng):
    compared = set()
    for case in CASES.values():
        function, *arguments = case(rng)
        _, labels = gpu_faces.run(function, *tf.nest.map_structure(tf.convert_to_tensor, arguments))
        compared |= {name for name, _ in labels}
    assert compared >= set(gpu_faces.load())


@pytest.mark.parametrize("names", [(), ("no_atoms",), ("isolated_atom", "no_atoms_open")])
def test_no_edges(names, rng):
    gpu_faces.assert_same(*edge_sums(rng, names))


def test_the_faces_are_those_for_gpus():
    """What is registered for GPUs, where the library was built with nvcc, is what is tested here."""
    for_gpus = gpu_faces.registered("GPU")
    if for_gpus:
        assert for_gpus == gpu_faces.registered("CPU", gpu_faces.LABEL)


def wrong(message, function, *arguments):
    with gpu_faces.emulated(), pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
        gpu_faces.run(function, *tf.nest.map_structure(tf.convert_to_tensor, arguments))


def test_wrong_shapes_are_named(rng):
    frames = Frames(("triclinic",))
    edges = frames.edges()
    splits, neighbor, vec, _ = edges
    n = frames.natoms
    tables = (frames.type, AVG, STD_RADIAL, STD_ANGULAR)
    wrong(r"edge_grad: expected shape \[\d+,3\]", lambda g: ops.edge_force(g, splits, neighbor, n), vec[1:])
    wrong(
        f"natoms: expected at least the number of centers, {n}, got {n - 1}",
        lambda natoms: ops.edge_force(vec, splits, neighbor, natoms),
        n - 1,
    )
    wrong(
        "frame_splits: expected numbers",
        lambda frame_splits: ops.edge_virial(vec, vec, splits, neighbor, frame_splits),
        -frames.splits,
    )
    wrong("rcut_smth < rcut", lambda rcut: ops.edge_rows(vec, splits, *tables, rcut, 3.0), tf.constant(3.0, tf.float64))


def test_a_neighbor_out_of_range_gives_nan_where_it_takes_part(rng):
    """The values of tensors that are on a GPU are not looked at first."""
    frames = Frames(("triclinic", "cluster"))
    splits, neighbor, vec, _ = frames.edges()
    spoilt = neighbor.numpy()
    spoilt[0] = 10**6
    with gpu_faces.emulated():
        force, _ = gpu_faces.run(lambda g: ops.edge_force(g, splits, spoilt, frames.natoms), vec)
        both, _ = gpu_faces.run(lambda g: ops.edge_virial(g, vec, splits, spoilt, frames.splits), vec)
    assert np.isnan(force[0]).all() and np.isfinite(force[1:]).all()
    virial, atom_virial = both
    assert np.isnan(atom_virial[0]).any() and np.isfinite(atom_virial[1:]).all()
    assert np.isnan(virial[0]).any() and np.isfinite(virial[1:]).all()
