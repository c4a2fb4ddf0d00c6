"""The C++ API gives the numbers of the Python `DeepPot`, native graphs without TensorFlow and others with it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from deepmd_tf import _api
from deepmd_tf.errors import InputError
from deepmd_tf.export.native import native_graph
from deepmd_tf.files import atomic_write

from ..frames import FRAMES, Frame, make_frame
from ..ghosts import domain_of
from ..models import (
    IN_ONE_OP,
    KINDS,
    VARIANTS,
    graph_file,
    model_config,
    native_file,
    native_potential,
    potential,
    random_parameters,
    variant_config,
)

NAMES = ("energy", "force", "virial", "atom_energy", "atom_virial")
SOME = ["two_sides", "fparam_aparam", "exclude_like", "three_types", "float32", "float32_descriptor"]


def expected_of(reference, frame: Frame) -> dict[str, np.ndarray]:
    results = reference.eval(
        frame.coord, frame.cell, frame.types, atomic=True, fparam=frame.fparam, aparam=frame.aparam
    )
    return dict(zip(NAMES, results, strict=True))


def assert_same(got: dict, expected: dict, tolerance: float) -> None:
    for name in NAMES:
        desired = np.ravel(expected[name])
        atol = tolerance * max(1, np.abs(desired).max())
        np.testing.assert_allclose(np.ravel(got[name]), desired, rtol=0, atol=atol, err_msg=name)


def evaluate(model, frame: Frame) -> dict[str, np.ndarray]:
    return model.evaluate(frame.coord, frame.types, frame.cell, frame.fparam, frame.aparam)


def home(domain, got: dict) -> dict[str, np.ndarray]:
    """What an evaluation of a domain says, with what ghosts have added to their owners."""
    return got | {name: domain.home(got[name][0]) for name in ("force", "atom_virial")}


@pytest.mark.parametrize("name", [name for name in VARIANTS if name in IN_ONE_OP or name in KINDS])
def test_native_graphs(name):
    model = _api.DeepPot(str(native_file(name)))
    assert model.native == (name in IN_ONE_OP)
    assert bool(model.why_not_native) != model.native and model.counts_all_neighbors
    frame = make_frame("triclinic", config=variant_config(name))
    assert_same(evaluate(model, frame), expected_of(native_potential(name), frame), 1e-12)


@pytest.mark.parametrize("shape", FRAMES)
@pytest.mark.parametrize("name", ["two_sides", "fparam_aparam"])
def test_cells(name, shape):
    frame = make_frame(shape, config=variant_config(name))
    assert_same(
        evaluate(_api.DeepPot(str(native_file(name))), frame), expected_of(native_potential(name), frame), 1e-12
    )


@pytest.mark.parametrize("name", SOME)
def test_portable_graphs(name):
    model = _api.DeepPot(str(graph_file(name)))
    assert not model.native and not model.counts_all_neighbors
    frame = make_frame("triclinic", config=variant_config(name))
    assert_same(evaluate(model, frame), expected_of(potential(name), frame), 1e-12)


@pytest.mark.parametrize("shape", ["orthorhombic", "rotated", "small", "open"])
@pytest.mark.parametrize("name", SOME)
def test_native_graphs_of_domains(name, shape, rng):
    frame = make_frame(shape, config=variant_config(name))
    domain = domain_of(frame, 3.9, rng)
    model = _api.DeepPot(str(native_file(name)))
    arguments = (domain.coord, domain.types, domain.splits, domain.neighbor, frame.fparam, frame.aparam)
    tolerance = 2e-6 if name.startswith("float32") else 1e-12
    assert_same(home(domain, model.evaluate_domain(*arguments)), expected_of(native_potential(name), frame), tolerance)


@pytest.mark.parametrize("shape", ["orthorhombic", "open"])
@pytest.mark.parametrize("name", SOME)
def test_portable_graphs_of_domains(name, shape, rng):
    frame = make_frame(shape, config=variant_config(name))
    domain = domain_of(frame, 3.9, rng)
    got = _api.DeepPot(str(graph_file(name))).evaluate_domain(
        domain.coord, domain.types, domain.splits, domain.neighbor, frame.fparam, frame.aparam
    )
    tolerance = 2e-6 if name.startswith("float32") else 1e-12
    assert_same(home(domain, got), expected_of(potential(name), frame), tolerance)


@pytest.mark.parametrize("file", [native_file, graph_file])
def test_several_frames(file):
    frame = make_frame("triclinic", config=variant_config("fparam_aparam"))
    stretch = np.array([1.0, 1.02, 1.05])[:, None, None]
    got = _api.DeepPot(str(file("fparam_aparam"))).evaluate(
        frame.coord * stretch,
        frame.types,
        frame.cell * stretch,
        np.tile(frame.fparam, (3, 1)),
        np.tile(frame.aparam, (3, 1, 1)),
    )
    expected = potential("fparam_aparam").eval(
        frame.coord * stretch, frame.cell * stretch, frame.types, frame.fparam, frame.aparam, atomic=True
    )
    assert_same(got, dict(zip(NAMES, expected, strict=True)), 1e-10)


@pytest.mark.parametrize("name", ["one_side", "fparam_aparam"])
def test_float(name, rng):
    """Inputs and outputs in float32, the model in its own precision."""
    model = _api.DeepPot(str(native_file(name)))
    frame = make_frame("triclinic", config=variant_config(name))
    rounded = frame.replace(
        coord=frame.coord.astype(np.float32),
        cell=frame.cell.astype(np.float32),
        fparam=None if frame.fparam is None else frame.fparam.astype(np.float32),
        aparam=None if frame.aparam is None else frame.aparam.astype(np.float32),
    )
    got = model.evaluate_float(rounded.coord, rounded.types, rounded.cell, rounded.fparam, rounded.aparam)
    assert got["force"].dtype == np.float32 and got["energy"].dtype == np.float64
    assert_same(got, evaluate(model, rounded), 1e-6)
    domain = domain_of(frame, 3.9, rng)
    got = model.evaluate_domain_float(
        domain.coord, domain.types, domain.splits, domain.neighbor, frame.fparam, frame.aparam
    )
    assert_same(home(domain, got), evaluate(model, frame), 1e-5)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_do_not_change_a_bit(threads, rng):
    frame = make_frame("orthorhombic")
    domain = domain_of(frame.replace(coord=np.repeat(frame.coord, 1, axis=0)), 3.9, rng)
    arguments = (domain.coord, domain.types, domain.splits, domain.neighbor)
    one, many = (
        _api.DeepPot(str(native_file("one_side")), count).evaluate_domain(*arguments) for count in (1, threads)
    )
    for name in NAMES:
        np.testing.assert_array_equal(one[name], many[name])


@pytest.mark.parametrize("threads", [1, 4])
def test_many_atoms_by_threads(threads, rng):
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3) * 1.5
    frame = Frame(grid + rng.uniform(-0.1, 0.1, grid.shape), np.eye(3) * 12.0, rng.integers(0, 2, len(grid)))
    model = _api.DeepPot(str(native_file("one_side")), threads)
    for _ in range(3):
        assert_same(evaluate(model, frame), expected_of(native_potential("one_side"), frame), 1e-12)


@pytest.mark.parametrize("file", [native_file, graph_file])
def test_no_centers(file):
    """A domain without atoms, or with ghosts alone, has no energy."""
    model = _api.DeepPot(str(file("one_side")))
    for nall in (0, 2):
        got = model.evaluate_domain(np.zeros((nall, 3)), np.zeros(nall, int), [0], [])
        assert got["energy"] == [0] and got["force"].shape == (1, nall, 3)
        assert all((np.asarray(values) == 0).all() for values in got.values())
    assert model.evaluate(np.zeros((0, 3)), np.zeros(0, int))["force"].size == 0


def test_an_atom_alone():
    frame = Frame(np.zeros((1, 3)), None, np.array([1]))
    for file in (native_file, graph_file):
        got = evaluate(_api.DeepPot(str(file("two_sides"))), frame)
        assert_same(got, expected_of(potential("two_sides"), frame), 1e-12)


def test_facts():
    model = _api.DeepPot(str(native_file("fparam_aparam")))
    assert (model.type_map, model.cutoff, model.sel) == (["O", "H"], 3.5, [12, 16])
    assert (model.numb_fparam, model.numb_aparam) == (1, 2)


def test_neighbors_are_counted():
    frame = make_frame("orthorhombic")
    counts = [
        _api.DeepPot(str(file("one_side"))).evaluate(frame.coord, frame.types, frame.cell)["max_neighbors"]
        for file in (native_file, graph_file)
    ]
    assert counts[0] == counts[1] and min(counts[0]) > 0


@pytest.fixture(scope="module")
def anchored(tmp_path_factory):
    """A native graph whose energies are more than its one operation gives: anchors that depend on parameters."""
    config = model_config(
        {"descriptor": {"set_davg_zero": True}, "fitting_net": {"atom_ener": [-1.5, 0.75], "numb_fparam": 1}}
    )
    path = tmp_path_factory.mktemp("anchored") / "graph.pb"
    graph = native_graph(config, random_parameters(config).values(), 0.9)
    atomic_write(path, graph.SerializeToString(deterministic=True))
    return path, make_frame("triclinic", config=config)


def test_graphs_that_compute_more_are_left_to_tensorflow(anchored, rng):
    from deepmd_tf import DeepPot

    path, frame = anchored
    model = _api.DeepPot(str(path))
    assert "o_atom_energy from more than" in model.why_not_native
    assert_same(evaluate(model, frame), expected_of(DeepPot(path), frame), 1e-12)
    domain = domain_of(frame, 3.9, rng)
    with pytest.raises(InputError, match="takes no ghost atoms; freeze it with --portable"):
        model.evaluate_domain(domain.coord, domain.types, domain.splits, domain.neighbor, frame.fparam)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"types": [0, 1, 2, 0, 0, 1]}, r"atom 2 has type 2, the model knows types 0 to 1 \(O H\)"),
        ({"types": [0, 1, -1, 0, 0, 1]}, "atom 2 has type -1"),
        ({"cell": np.zeros((3, 3))}, "box: frame 0: expected a cell with a volume, got 0"),
        ({"cell": np.eye(2)}, "box: expected 9 numbers, got 4"),
        ({"coord": np.full((6, 3), np.nan)}, "coord"),
        ({"coord": np.zeros((6, 3))}, "at the same position"),
        ({"fparam": [1.0]}, "fparam: expected 0 numbers, got 1"),
    ],
)
def test_refusals(changes, message):
    frame = make_frame("triclinic").replace(**{name: np.asarray(value) for name, value in changes.items()})
    with pytest.raises(InputError, match=message):
        evaluate(_api.DeepPot(str(native_file("one_side"))), frame)


@pytest.mark.parametrize("file", [native_file, graph_file])
def test_parameters_are_needed(file):
    frame = make_frame("triclinic", config=variant_config("fparam_aparam"))
    model = _api.DeepPot(str(file("fparam_aparam")))
    with pytest.raises(InputError, match="aparam: expected an array, got null"):
        evaluate(model, frame.replace(aparam=None))
    with pytest.raises(InputError, match="fparam: expected an array, got null"):
        evaluate(model, frame.replace(fparam=None))


@pytest.mark.parametrize(
    ("splits", "neighbor", "message"),
    [
        ([0, 1], [0], "other than the center"),
        ([0, 1], [2], r"expected atoms in \[0, 2\)"),
        ([0, 1], [-1], r"expected atoms in \[0, 2\)"),
        ([0, 2], [1, 1], "twice"),
        ([1, 1], [0], "begin at 0"),
    ],
)
def test_lists_are_checked(splits, neighbor, message):
    coord = np.array([[0.0, 0, 0], [1, 0, 0]])
    with pytest.raises(InputError, match=message):
        _api.DeepPot(str(native_file("one_side"))).evaluate_domain(coord, [0, 1], splits, neighbor)


@pytest.mark.parametrize("threads", [0, -1, 10**6])
def test_threads_are_checked(threads):
    with pytest.raises(InputError, match="threads: expected 1 to 1024"):
        _api.DeepPot(str(native_file("one_side")), threads)


def test_native_graphs_need_no_tensorflow():
    """Its library is not even looked for, and a portable graph without it is answered with the way out."""
    code = f"""
import sys
import numpy as np
from deepmd_tf import _api
_api.DeepPot({str(native_file("one_side"))!r}).evaluate(np.eye(3), [0, 1, 1])
assert "tensorflow" not in sys.modules and "libtensorflow" not in open("/proc/self/maps").read()
try:
    _api.DeepPot({str(graph_file("one_side"))!r})
except Exception as error:
    print(error)
"""
    environment = {"DEEPMD_TENSORFLOW": "/nowhere", "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "/nowhere/libtensorflow_cc.so.2" in done.stdout
    assert "set DEEPMD_TENSORFLOW" in done.stdout and "native graph" in done.stdout


LEAK = """
import sys
from deepmd_tf import _api

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def load():
    model = _api.DeepPot({path!r}, 2)
    model.evaluate([[0.0, 0, 0], [1.0, 0, 0]], [0, 1])

for _ in range({cycles} // 10):
    load()
before = resident()
for _ in range({cycles}):
    load()
print(resident() - before)
"""


@pytest.mark.parametrize("cycles", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_nothing_leaks(cycles):
    """Memory after many cycles of loading, evaluating and closing, with a thread each."""
    code = LEAK.format(path=str(native_file("one_side")), cycles=cycles)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 2**20
