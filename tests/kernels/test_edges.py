"""Environment rows of edges, and the forces and virials that edges add up to."""

import numpy as np
import pytest

from deepmd_tf import _kernels
from deepmd_tf.errors import InputError

from . import oracle
from .device import kernels
from .test_edge_search import Batch, Ghosts

pytestmark = pytest.mark.usefixtures("on_device")

RCUT, RCUT_SMTH = 4.0, 0.8
THREADS = (2, 3, 7)


class Edges:
    """The edges of a batch and random numbers of every shape that a kernel takes."""

    def __init__(self, rng, search):
        self.splits, self.neighbor, self.vec, _ = search()
        self.frame_splits = search.splits if isinstance(search, Batch) else np.array([0, len(search.coord)], np.int32)
        self.natoms, self.nedge = len(search.coord), len(self.vec)
        self.type = search.type[: len(self.splits) - 1]
        self.tables = (rng.normal(size=3), rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, 3))
        self.g3, self.g4 = rng.normal(size=(self.nedge, 3)), rng.normal(size=(self.nedge, 4))
        self.grad = rng.normal(size=(self.natoms, 3))
        self.grad_virial = rng.normal(size=(len(self.frame_splits) - 1, 9))
        self.grad_atom = rng.normal(size=(self.natoms, 9))
        self.center = np.repeat(np.arange(len(self.splits) - 1), np.diff(self.splits))

    def on_rows(self, kernel, *first, vec=None, threads=1):
        vec = self.vec if vec is None else vec
        return kernel(*first, vec, self.splits, self.type, *self.tables, RCUT, RCUT_SMTH, threads)

    def rows(self, vec=None, threads=1):
        return self.on_rows(kernels.edge_rows, vec=vec, threads=threads)

    def rows_grad(self, threads=1):
        return self.on_rows(kernels.edge_rows_grad, self.g4, threads=threads)

    def rows_tangent(self, threads=1):
        return self.on_rows(kernels.edge_rows_tangent, self.g3, threads=threads)

    def force(self, threads=1):
        return kernels.edge_force(self.g3, self.splits, self.neighbor, self.natoms, threads)

    def force_grad(self, threads=1):
        return kernels.edge_force_grad(self.grad, self.splits, self.neighbor, threads)

    def virial(self, threads=1):
        return kernels.edge_virial(self.g3, self.vec, self.splits, self.neighbor, self.frame_splits, threads)

    def virial_grad(self, threads=1):
        grads = (self.grad_virial, self.grad_atom)
        return kernels.edge_virial_grad(*grads, self.vec, self.splits, self.neighbor, self.frame_splits, threads)


CASES = {
    "mixed": lambda rng: Batch(),
    "ghosts": Ghosts,
    "no_frames": lambda rng: Batch([]),
    "no_atoms": lambda rng: Batch(["no_atoms", "no_atoms_open"]),
    "no_edges": lambda rng: Batch(["isolated_atom", "no_atoms", "two_isolated_atoms"]),
    "own_images": lambda rng: Batch(["one_atom"]),
}


@pytest.fixture(params=CASES)
def edges(request, rng):
    return Edges(rng, CASES[request.param](rng))


@pytest.fixture
def mixed(rng):
    return Edges(rng, Batch())


def test_rows_equal_definition(edges):
    avg, std_radial, std_angular = (table[edges.type[edges.center]] for table in edges.tables)
    row = oracle.rows(edges.vec, RCUT, RCUT_SMTH)
    row = (row - avg[:, None] * [1, 0, 0, 0]) / np.stack([std_radial, *[std_angular] * 3], axis=-1)
    np.testing.assert_allclose(edges.rows(), row, rtol=1e-11, atol=1e-12)


def test_rows_equal_padded_form(rng):
    """The same numbers as the slots of the padded form, which other kernels fill."""
    search = Batch(["triclinic"])
    edges = Edges(rng, search)
    sel = [60, 60, 60]
    davg, dstd = np.zeros((3, 180, 4)), np.ones((3, 180, 4))
    davg[:, :, 0], dstd[:, :, 0], dstd[:, :, 1:] = (
        edges.tables[0][:, None],
        edges.tables[1][:, None],
        edges.tables[2][:, None, None],
    )
    descrpt, _, _, nlist, _ = _kernels.env_mat_a(
        search.type,
        edges.splits,
        edges.neighbor,
        edges.vec,
        davg.reshape(3, -1),
        dstd.reshape(3, -1),
        RCUT,
        RCUT_SMTH,
        sel,
    )
    np.testing.assert_array_equal(nlist[nlist >= 0], edges.neighbor)
    np.testing.assert_allclose(edges.rows(), descrpt[nlist >= 0], rtol=1e-14, atol=1e-15)


def test_tangent_is_the_limit_of_differences(mixed):
    step = 1e-6
    difference = mixed.rows(mixed.vec + step * mixed.g3) - mixed.rows(mixed.vec - step * mixed.g3)
    np.testing.assert_allclose(mixed.rows_tangent(), difference / (2 * step), atol=1e-6)


def test_each_gradient_is_the_transpose(edges):
    assert np.sum(edges.g4 * edges.rows_tangent()) == pytest.approx(np.sum(edges.rows_grad() * edges.g3))
    assert np.sum(edges.grad * edges.force()) == pytest.approx(np.sum(edges.force_grad() * edges.g3))
    virial, atom_virial = edges.virial()
    left = np.sum(edges.grad_virial * virial) + np.sum(edges.grad_atom * atom_virial)
    assert left == pytest.approx(np.sum(edges.virial_grad() * edges.g3))


def test_force_equals_definition(edges):
    expected = np.zeros((edges.natoms, 3))
    np.add.at(expected, edges.center, edges.g3)
    np.add.at(expected, edges.neighbor, -edges.g3)
    np.testing.assert_allclose(edges.force(), expected, atol=1e-12)


def test_virial_equals_definition(edges):
    expected = np.zeros((edges.natoms, 9))
    np.add.at(expected, edges.neighbor, -(edges.g3[:, :, None] * edges.vec[:, None, :]).reshape(-1, 9))
    virial, atom_virial = edges.virial()
    np.testing.assert_allclose(atom_virial, expected, atol=1e-11)
    sums = [expected[b:e].sum(axis=0) for b, e in zip(edges.frame_splits, edges.frame_splits[1:], strict=False)]
    np.testing.assert_allclose(virial, np.reshape(sums, (-1, 9)), atol=1e-10)


def test_sums_equal_padded_form(rng):
    """Forces and virials of slots whose gradient is that of the edges."""
    edges = Edges(rng, Batch(["triclinic"]))
    nnei = int(np.diff(edges.splits).max())
    shape = (1, edges.natoms, nnei)
    nlist, rij, net_deriv = np.full(shape, -1, np.int32), np.zeros((*shape, 3)), np.zeros((*shape, 4))
    slot = np.arange(edges.nedge) - edges.splits[edges.center]
    nlist[0, edges.center, slot], rij[0, edges.center, slot] = edges.neighbor, edges.vec
    net_deriv[0, edges.center, slot, 1:] = edges.g3
    # The derivative with respect to the center's position is the opposite of that with respect to the edge.
    in_deriv = np.broadcast_to(-np.eye(4, 3, k=-1), (*shape, 4, 3)).copy()
    force = _kernels.force_se_a(net_deriv, in_deriv, nlist, edges.natoms)
    np.testing.assert_allclose(edges.force(), force[0], atol=1e-12)
    virial, atom_virial = _kernels.virial_se_a(net_deriv, in_deriv, rij, nlist, edges.natoms)
    np.testing.assert_allclose(edges.virial()[0], virial, atol=1e-11)
    np.testing.assert_allclose(edges.virial()[1], atom_virial[0], atol=1e-12)


def test_same_for_any_number_of_threads(rng):
    edges = Edges(rng, Batch(["dense", "cubic", "cluster", "dense"]))
    virials = (lambda threads: edges.virial(threads)[0], lambda threads: edges.virial(threads)[1])
    calls = (lambda threads: edges.rows(threads=threads), edges.rows_grad, edges.rows_tangent)
    for call in (*calls, edges.force, edges.force_grad, *virials, edges.virial_grad):
        expected = call(1)
        for threads in THREADS:
            np.testing.assert_array_equal(call(threads), expected)


def test_force_and_virial_are_derivatives_of_an_energy(rng):
    """E = sum sin(rows) . w: its change when an atom moves and when space is strained."""
    weights, names = rng.normal(size=4), ["cluster", "triclinic"]
    atom, step = 30, 1e-5

    def energy(batch):
        edges = Edges(np.random.default_rng(1), batch)
        return edges, np.sum(np.sin(edges.rows()) * weights)

    def change(spoil):
        values = []
        for sign in (1, -1):
            batch = Batch(names)
            spoil(batch, sign * step)
            values.append(energy(batch)[1])
        return (values[0] - values[1]) / (2 * step)

    edges, _ = energy(Batch(names))
    edges.g4 = np.cos(edges.rows()) * weights
    edges.g3 = edges.rows_grad()
    force, virial = edges.force(), edges.virial()[0]
    for a in range(3):
        assert force[atom, a] == pytest.approx(-change(lambda b, h, a=a: spoil_at(b.coord, (atom, a), h)), abs=1e-6)
        for b in range(3):

            def strain(batch, h, a=a, b=b):
                # r_a += h r_b for positions and cell vectors alike, of the second frame.
                for array in (batch.coord[batch.splits[1] :], batch.cell[1]):
                    array[:, a] += h * array[:, b]

            assert virial[1, 3 * a + b] == pytest.approx(-change(strain), abs=1e-5)


def spoil_at(array, index, step):
    array[index] += step


@pytest.mark.parametrize("bad", [-1, -(2**31), 10**6, 2**31 - 1])
@pytest.mark.parametrize("threads", [1, 4])
def test_neighbor_that_does_not_exist_is_named(bad, threads, mixed):
    mixed.neighbor[mixed.splits[5]] = bad
    for call in (mixed.force, mixed.force_grad, mixed.virial, mixed.virial_grad):
        with pytest.raises(InputError, match=rf"neighbor: expected an atom in \[0, \d+\), got {bad} for center 5"):
            call(threads)


def test_neighbor_in_another_frame_is_named(mixed):
    mixed.neighbor[mixed.splits[45]] = 3
    for call in (mixed.virial, mixed.virial_grad):
        with pytest.raises(InputError, match=r"neighbor: expected an atom in \[40, 65\), got 3 for center 45"):
            call()


@pytest.mark.parametrize(("index", "value"), [(0, 1), (0, -1), (3, 10**9), (3, -5), (-1, 0), (-1, 10**9)])
def test_wrong_splits_are_named(index, value, mixed):
    mixed.splits[index] = value
    for call in (mixed.rows, mixed.rows_grad, mixed.rows_tangent, mixed.force, mixed.force_grad, mixed.virial):
        with pytest.raises(InputError, match="edge_splits: expected numbers that begin at 0, never fall and end at"):
            call()


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_edge_without_length_is_named(bad, mixed, on_device):
    mixed.vec[99] = bad
    if on_device != "cpu":
        # A GPU does not stop to say so: the edge has no environment, and what it takes part in is NaN.
        expected = np.zeros(mixed.nedge, bool)
        expected[99] = True
        np.testing.assert_array_equal(np.isnan(mixed.rows()).all(axis=1), expected)
        np.testing.assert_array_equal(np.isnan(mixed.rows_grad()).all(axis=1), expected)
        return
    with pytest.raises(InputError, match=r"edge_vec: expected edges of finite length above zero, .* among edges \d+"):
        mixed.rows()


@pytest.mark.parametrize(("table", "value"), [(0, np.nan), (1, 0.0), (1, np.inf), (2, 0.0), (2, np.nan)])
def test_unusable_tables(table, value, mixed):
    mixed.tables[table][1] = value
    with pytest.raises(InputError, match=r"std_radial and std_angular must be finite .* for type 1"):
        mixed.rows()


def test_type_without_a_table_is_named(mixed):
    mixed.type[7] = 3
    with pytest.raises(InputError, match=r"type: expected numbers in \[0, 3\), got 3 for atom 7"):
        mixed.rows_grad()


def test_fewer_atoms_than_centers(mixed):
    mixed.natoms = len(mixed.splits) - 2
    with pytest.raises(InputError, match="natoms: expected at least the number of centers"):
        mixed.force()
