"""A whole model on frames and on lists of neighbors, in one pass."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from deepmd_tf.errors import InputError

from .device import cpu, kernels
from .systems import FRAMES, OPEN, PERIODIC, Frame
from .tabulated import NTYPES, Tabulated, make_tabulated, panel_edges
from .test_edge_search import Batch, Ghosts

pytestmark = pytest.mark.usefixtures("on_device")

OUTPUTS = ("energy", "force", "virial", "atom_virial", "max_neighbors")
SMALL = ["triclinic", "cluster", "no_atoms", "tiny_cell", "isolated_atom", "one_atom", "no_atoms_open"]


def on_batch(model: Tabulated, batch, extra=None, threads: int = 1, **changes):
    """Evaluate frames of a `Batch`, with some inputs of the model changed."""
    extra = no_extra(model, len(batch.coord)) if extra is None else extra
    inputs = {**model.inputs(), **changes}
    return kernels.evaluate_batch(
        inputs, batch.coord, batch.type, batch.splits, batch.cell, batch.periodic, extra, threads
    )


def on_list(model: Tabulated, coord, type, splits, neighbor, extra=None, threads: int = 1):
    """Evaluate centers with a list of neighbors."""
    extra = no_extra(model, len(splits) - 1) if extra is None else extra
    return kernels.evaluate_listed(model.inputs(), coord, type, splits, neighbor, extra, threads)


def no_extra(model: Tabulated, ncenters: int) -> np.ndarray:
    return np.zeros((ncenters, len(model.extra_matrix)), model.extra_matrix.dtype)


def batch_of(*frames: Frame) -> Batch:
    """Frames that have no name."""
    batch = Batch([])
    batch.frames = list(frames)
    batch.coord = np.concatenate([frame.coord for frame in frames])
    batch.type = np.concatenate([frame.type for frame in frames])
    batch.splits = np.cumsum([0, *(len(frame.coord) for frame in frames)]).astype(np.int32)
    batch.cell = np.array([frame.cell for frame in frames])
    batch.periodic = np.array([frame.pbc == PERIODIC for frame in frames])
    return batch


def open_frame(coord, type) -> Frame:
    return Frame(np.array(coord, float), np.array(type, np.int32), np.zeros((3, 3)), OPEN, 4.0)


def assert_close(got, expected, tolerance=1e-11):
    """Equal up to a fraction of the largest number of each output."""
    for name, a, b in zip(OUTPUTS, got, expected, strict=False):
        scale = np.abs(b).max(initial=1e-3)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=name)


SHAPES = {
    "plain": {},
    "two_sides": {"one_side": False},
    "few_terms": {"terms": 5, "columns": 7, "axis": 1},
    "two_terms": {"terms": 2, "columns": 1, "axis": 1, "neurons": (3,)},
    "many_terms": {"terms": 19, "columns": 37, "axis": 37, "neurons": (4, 9, 9)},
    "widening_net": {"neurons": (6, 12, 12, 6), "resnet_dt": True, "activation": "sigmoid"},
    "linear_net": {"activation": "linear", "neurons": (5, 5)},
    "excluded": {"excluded": [(0, 1), (2, 2)]},
    "excluded_two_sides": {"excluded": [(0, 0), (1, 2)], "one_side": False},
    "nothing_interacts": {"excluded": list(itertools.combinations_with_replacement(range(NTYPES), 2))},
    "extra": {"nextra": 3, "resnet_dt": True},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_definition(shape, rng):
    model, batch = make_tabulated(rng, **SHAPES[shape]), Batch(SMALL)
    extra = rng.normal(size=(len(batch.coord), len(model.extra_matrix)))
    got = on_batch(model, batch, extra)
    assert_close(got, model.evaluate(batch.frames, extra))
    np.testing.assert_array_equal(got[4], batch()[3])


def test_a_net_for_each_type(rng):
    """Of several blocks of centers, whose types are mixed."""
    nets = tuple(make_tabulated(rng, nextra=1, resnet_dt=k == 1) for k in range(NTYPES))
    model, batch = replace(nets[0], nets=nets), Batch(["larger_than_twice_the_cutoff", "cluster"])
    extra = rng.normal(size=(len(batch.coord), 1))
    assert_close(on_batch(model, batch, extra), model.evaluate(batch.frames, extra))
    with pytest.raises(InputError, match="first_matrix: expected one net or one for each of 3 types, got 2"):
        on_batch(model, batch, extra, first_matrix=model.inputs()["first_matrix"][:2])
    extra_matrix = [*model.inputs()["extra_matrix"][:2], np.zeros((0, 10))]
    with pytest.raises(InputError, match=r"extra_matrix\[2\]: expected shape \[1,10\], got \[0,10\]"):
        on_batch(model, batch, extra, extra_matrix=extra_matrix)


@pytest.mark.parametrize("fitting", [np.float32, np.float64])
@pytest.mark.parametrize("descriptor", [np.float32, np.float64])
def test_precisions(descriptor, fitting, rng):
    model, batch = make_tabulated(rng, nextra=1).in_precision(descriptor, fitting), Batch(SMALL)
    extra = rng.normal(size=(len(batch.coord), 1)).astype(fitting)
    got = on_batch(model, batch, extra)
    assert [each.dtype for each in got] == [np.float64] * 4 + [np.int32]
    exact = model.in_precision(np.float64, np.float64).evaluate(batch.frames, extra.astype(float))
    assert_close(got, exact, 1e-11 if descriptor == fitting == np.float64 else 2e-5)


def test_energy_falls_along_the_force(rng):
    """Forces and virials are what finite differences of the energy say."""
    model = make_tabulated(rng, terms=22, one_side=False)
    batch, step = Batch(["triclinic", "cluster"]), 1e-5
    _, force, virial, _, _ = on_batch(model, batch)

    def change(spoil):
        energies = []
        for sign in (1, -1):
            moved = Batch(["triclinic", "cluster"])
            spoil(moved, sign * step)
            energies.append(on_batch(model, moved)[0].sum())
        return (energies[0] - energies[1]) / (2 * step)

    def move(atom, axis):
        def spoil(moved, h):
            moved.coord[atom, axis] += h

        return spoil

    def strain(a, b):
        def spoil(moved, h):
            for array in (moved.coord[: moved.splits[1]], moved.cell[0]):
                array[:, a] += h * array[:, b]

        return spoil

    scale = np.abs(force).max()
    for atom, axis in ((0, 0), (11, 1), (29, 2), (30, 0), (54, 2)):
        assert -change(move(atom, axis)) == pytest.approx(force[atom, axis], abs=1e-7 * scale)
    scale = np.abs(virial).max()
    for a, b in itertools.product(range(3), repeat=2):
        assert -change(strain(a, b)) == pytest.approx(virial[0, 3 * a + b], abs=1e-7 * scale)


@pytest.mark.parametrize("name", ["triclinic", "tiny_cell", "one_atom", "cubic"])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_list_with_ghosts_equals_periodic_frame(name, precision, rng):
    frame = FRAMES[name]
    model = make_tabulated(rng, nextra=2, one_side=False, rcut=frame.rcut).in_precision(precision, precision)
    extra = rng.normal(size=(len(frame.coord), 2)).astype(precision)
    expected = on_batch(model, batch_of(frame), extra)
    ghosts = Ghosts(rng, name)
    energy, force, virial, atom_virial, most = on_list(
        model, ghosts.coord, ghosts.type, ghosts.splits, ghosts.list, extra
    )
    assert energy.shape == (ghosts.nloc,) and force.shape == (len(ghosts.coord), 3)
    folded = np.zeros((ghosts.nloc, 3)), np.zeros((ghosts.nloc, 9))
    np.add.at(folded[0], ghosts.owner, force)
    np.add.at(folded[1], ghosts.owner, atom_virial)
    assert_close((energy, folded[0], virial, folded[1]), expected, 1e-12 if precision == np.float64 else 2e-5)
    np.testing.assert_array_equal(most, expected[4])


def test_order_of_a_list_does_not_matter(rng):
    model, ghosts = make_tabulated(rng), Ghosts(rng)
    first = on_list(model, ghosts.coord, ghosts.type, ghosts.splits, ghosts.list)
    for begin, end in itertools.pairwise(ghosts.splits):
        ghosts.list[begin:end] = ghosts.list[begin:end][::-1]
    for a, b in zip(first, on_list(model, ghosts.coord, ghosts.type, ghosts.splits, ghosts.list), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def at_once(on_device):
    """Let so many centers go through a model on a GPU together; a processor's blocks are of its own choice."""
    if on_device == "cpu":
        yield lambda centers: None
    else:
        yield kernels.evaluate_at_once
        kernels.evaluate_at_once()


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_equals_the_processor(precision, rng, at_once):
    """In two runs bit by bit alike, and however many centers go through together."""
    nets = tuple(make_tabulated(rng, nextra=1, one_side=False) for _ in range(NTYPES))
    names = ["triclinic", "cluster", "no_atoms", "tiny_cell", "one_atom"]
    batch = Batch(names)
    extra = rng.normal(size=(len(batch.coord), 1)).astype(precision)
    for model in (nets[0], replace(nets[0], nets=nets)):
        model = model.in_precision(precision, precision)
        arrays = (batch.coord, batch.type, batch.splits, batch.cell, batch.periodic, extra)
        expected = cpu.evaluate_batch(model.inputs(), *arrays)
        first = on_batch(model, batch, extra)
        assert_close(first, expected, 1e-12 if precision == np.float64 else 2e-5)
        np.testing.assert_array_equal(first[4], expected[4])
        for centers in (7, 1000):
            at_once(centers)
            for a, b in zip(on_batch(model, batch, extra), first, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_same_for_any_number_of_threads(precision, rng):
    """Of frames of several blocks of centers and of one, and of a list."""
    model = make_tabulated(rng, one_side=False).in_precision(precision, precision)
    batch, ghosts = Batch(["larger_than_twice_the_cutoff", "cluster", "no_atoms", "cubic", "triclinic"]), Ghosts(rng)
    calls = (
        lambda threads: on_batch(model, batch, threads=threads),
        lambda threads: on_list(model, ghosts.coord, ghosts.type, ghosts.splits, ghosts.list, threads=threads),
    )
    for call in calls:
        expected = call(1)
        for threads in (2, 3, 8):
            for got, array in zip(call(threads), expected, strict=True):
                np.testing.assert_array_equal(got, array)


def test_frames_do_not_know_of_each_other(rng):
    """An atom's row of blocks of other length rounds alike: a batch gives what its frames give alone."""
    model, batch = make_tabulated(rng), Batch(SMALL)
    energy, force, virial, atom_virial, _ = on_batch(model, batch)
    for f, frame in enumerate(batch.frames):
        atoms = slice(batch.splits[f], batch.splits[f + 1])
        alone = on_batch(model, batch_of(frame))
        assert_close((energy[atoms], force[atoms], virial[f : f + 1], atom_virial[atoms]), alone, 1e-13)


@pytest.mark.parametrize("names", [[], ["no_atoms"], ["no_atoms_open", "no_atoms"]])
def test_no_atoms(names, rng):
    energy, force, virial, atom_virial, most = on_batch(make_tabulated(rng), Batch(names))
    assert energy.shape == (0,) and force.shape == (0, 3) and atom_virial.shape == (0, 9)
    np.testing.assert_array_equal(virial, np.zeros((len(names), 9)))
    np.testing.assert_array_equal(most, [0, 0, 0])


def test_list_without_centers(rng):
    """Ghosts alone feel nothing."""
    nothing = np.zeros(0, np.int32)
    energy, force, virial, _, _ = on_list(
        make_tabulated(rng), np.eye(3), np.zeros(3, np.int32), np.zeros(1, int), nothing
    )
    assert energy.shape == (0,)
    np.testing.assert_array_equal(force, np.zeros((3, 3)))
    np.testing.assert_array_equal(virial, np.zeros((1, 9)))


@pytest.mark.parametrize("type", range(NTYPES))
def test_one_atom_alone(type, rng):
    """All its slots are empty, and nothing pulls at it."""
    model = make_tabulated(rng)
    energy, force, virial, atom_virial, _ = on_batch(model, batch_of(open_frame(np.zeros((1, 3)), [type])))
    alone = model.energy(type, np.zeros(0, int), np.zeros((0, 3)), np.zeros(0))
    assert energy[0] == pytest.approx(alone, rel=1e-13)
    for zero in (force, virial, atom_virial):
        np.testing.assert_array_equal(zero, np.zeros_like(zero))


def test_one_neighbor(rng):
    model, frame = make_tabulated(rng), open_frame([[0, 0, 0], [0.6, 1.1, -0.4]], [2, 0])
    got = on_batch(model, batch_of(frame))
    assert_close(got, model.evaluate([frame], np.zeros((2, 0))))
    np.testing.assert_allclose(got[1][0], -got[1][1], rtol=1e-13)
    assert got[4].tolist() == [1, 0, 1]


@pytest.mark.parametrize("one_side", [True, False])
def test_a_thousand_neighbors(one_side, rng):
    """Of one center, in a list; a ghost has the force of its one edge."""
    model, count = make_tabulated(rng, one_side=one_side), 1000
    vec = rng.normal(size=(count, 3))
    vec *= (rng.uniform(0.3**3, 3.99**3, count) ** (1 / 3) / np.linalg.norm(vec, axis=1))[:, None]
    types = rng.integers(0, NTYPES, count + 1).astype(np.int32)
    coord = np.concatenate([np.zeros((1, 3)), vec])
    neighbor = np.arange(1, count + 1, dtype=np.int32)
    energy, force, virial, atom_virial, most = on_list(model, coord, types, np.array([0, count]), neighbor)
    of_center = (types[0], types[1:], vec, np.zeros(0))
    assert energy[0] == pytest.approx(model.energy(*of_center), rel=1e-12)
    which = rng.choice(count, 40, replace=False)
    g = model.gradient(*of_center, which)
    scale = np.abs(force[1:]).max()
    np.testing.assert_allclose(force[1 + which], -g, rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(force.sum(axis=0), np.zeros(3), atol=1e-10 * scale)
    product = force[1:, :, None] * vec[:, None, :]
    np.testing.assert_allclose(atom_virial[1:], product.reshape(-1, 9), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(virial[0], atom_virial.sum(axis=0), rtol=1e-10, atol=1e-10 * scale)
    np.testing.assert_array_equal(most, np.bincount(types[1:], minlength=NTYPES))


def test_table_reaches_to_the_end_of_its_last_panel(rng):
    """Just before that distance a pair is computed, just behind it is refused by name."""
    model = make_tabulated(rng)
    reach = 1 / (panel_edges(model.lowest)[-1] * model.std_radial[0] + model.avg[0])
    assert reach < model.rcut_smth

    def at(distance):
        return batch_of(open_frame([[9, 9, 9]], [0]), open_frame([[0, 0, 0], [0, distance, 0]], [0, 0]))

    near = at(1.0001 * reach)
    assert_close(on_batch(model, near), model.evaluate(near.frames, np.zeros((3, 0))))
    for distance in (0.999 * reach, 1e-3):
        message = rf"frame 1: atoms 0 and 1 are {distance:.4g} Å apart, nearer than .* reaches \({reach:.4g} Å\)"
        with pytest.raises(InputError, match=message):
            on_batch(model, at(distance))
    with pytest.raises(InputError, match="frame 1: atoms 0 and 1 are at the same position"):
        on_batch(model, at(0.0))
    coord, types = at(1e-3).coord[1:], np.zeros(2, np.int32)
    with pytest.raises(InputError, match=r"frame 0: atoms 0 and 1 are 0\.001 Å apart"):
        on_list(model, coord, types, np.array([0, 1]), np.array([1], np.int32))


REFUSED = {
    "types of std": ({"std_radial": np.ones(2)}, r"std_radial: expected shape \[3\], got \[2\]"),
    "std is zero": ({"std_angular": np.zeros(3)}, "std_radial and std_angular must be finite"),
    "no slots": ({"sel": np.zeros(3, np.int32)}, "sel: expected 1 to 16777216 slots, got 0"),
    "negative slots": ({"sel": np.array([1, 1, -1], np.int32)}, "sel: expected numbers of slots, got -1"),
    "excluded type": ({"exclude_types": [(0, 3)]}, "exclude_types"),
    "codes": ({"one_side": False}, r"table: expected shape \[9,\?,\?,\?\], got \[3,14,16,12\]"),
    "panels": ({"table": np.zeros((3, 0, 4, 12))}, r"table: expected \[codes, panels, .*, got \[3,0,4,12\]"),
    "terms": ({"table": np.zeros((3, 1, 33, 12))}, "table: .* 2 to 32 terms"),
    "per octave": ({"per_octave": np.int32(0)}, "per_octave: expected 1 to"),
    "empty": ({"empty": np.zeros((3, 3, 11))}, r"empty: expected shape \[3,3,12\]"),
    "axis": ({"axis_neuron": 13}, "axis_neuron: expected 1 to 12, .*, got 13"),
    "axis of the net": ({"axis_neuron": 4}, r"first_matrix\[0\]: expected shape \[48,\?\], got \[60,10\]"),
    "cutoff": ({"rcut_smth": 4.0}, "rcut_smth"),
    "activation": ({"activation": "sine"}, "activation: expected one of"),
    "no net": ({"first_matrix": []}, "first_matrix: expected one net"),
    "layers": ({"idts": [np.zeros(0)]}, "expected as many biases as matrices, 1, and one more of idts"),
    "no neurons": ({"matrices": [np.zeros((10, 0))], "biases": [np.zeros(0)]}, "layers of at least one neuron"),
    "first bias": ({"first_bias": np.zeros(10)}, r"first_bias: expected shape \[3,10\], got \[10\]"),
    "later bias": ({"biases": [np.zeros(9)]}, r"biases\[0\]: expected shape \[10\], got \[9\]"),
    "idt": ({"idts": [np.zeros(0), np.zeros(9)]}, r"idts\[1\]: expected shape \[10\], got \[9\]"),
    "extra": ({"extra_matrix": [np.zeros((0, 9))]}, r"extra_matrix\[0\]: expected shape \[\?,10\], got \[0,9\]"),
    "final": ({"final_matrix": [np.zeros((9, 1))]}, r"final_matrix\[0\]: expected shape \[10,1\]"),
    "types of the net": ({"atom_bias": np.zeros(2)}, r"atom_bias: expected shape \[3\], got \[2\]"),
    "precision": ({"empty": np.zeros((3, 3, 12), np.float32)}, "empty: expected a contiguous array of float64"),
    "no array": ({"avg": None}, "avg: expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_model(case, rng):
    changes, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        on_batch(make_tabulated(rng), Batch(["cluster"]), **changes)


def test_missing_input(rng):
    batch, inputs = Batch(["cluster"]), make_tabulated(rng).inputs()
    del inputs["unit"]
    with pytest.raises(InputError, match="unit is missing"):
        kernels.evaluate_batch(
            inputs, batch.coord, batch.type, batch.splits, batch.cell, batch.periodic, np.zeros((len(batch.coord), 0))
        )


def test_unusable_frames(rng):
    model, batch = make_tabulated(rng, nextra=1), Batch(["cluster", "cubic"])
    with pytest.raises(InputError, match=r"extra: expected shape \[65,1\], got \[65,2\]"):
        on_batch(model, batch, np.zeros((65, 2)))
    batch.type[30] = NTYPES
    with pytest.raises(InputError, match=r"frame 1, atom 5: expected a type in \[0, 3\), got 3"):
        on_batch(model, batch)


def test_unusable_list(rng):
    model, ghosts = make_tabulated(rng, nextra=1), Ghosts(rng)
    with pytest.raises(InputError, match=r"extra: expected shape \[30,1\]"):
        on_list(model, ghosts.coord, ghosts.type, ghosts.splits, ghosts.list, np.zeros((len(ghosts.coord), 1)))
    ghosts.list[ghosts.splits[4]] = len(ghosts.coord)
    with pytest.raises(InputError, match=r"list_neighbor: expected atoms in \[0, \d+\) .* for center 4"):
        on_list(model, ghosts.coord, ghosts.type, ghosts.splits, ghosts.list)
