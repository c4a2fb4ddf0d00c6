"""`dp change-bias` finds the energy offset per species between data and model, and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.checkpoint.writer import CheckpointWriter
from deepmd_tf.config import config_to_dict
from deepmd_tf.data import load_systems
from deepmd_tf.errors import InputError
from deepmd_tf.export.change_bias import BIAS, shift_graph
from deepmd_tf.export.compress import CompressOptions, compress_graph
from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.infer import DeepPot
from deepmd_tf.infer.energy_bias import residuals, shift

from ..models import graph_file, native_file, portable_graph, variant_config, variant_values
from ..runs import contents, dp, write_system

OFFSET = np.array([3.25, -120.5])
COMPOSITIONS = {"a": (0, 1, 1, 0), "b": (0, 1, 1), "c": (0, 0, 0, 1, 0)}


def write_labeled(place, potential: DeepPot) -> list[str]:
    """Write systems of three compositions with the energies of a potential plus `OFFSET` for each atom."""
    for name, types in COMPOSITIONS.items():
        system = write_system(place / name, types=types, seed=len(types))
        (loaded,) = load_systems([str(system)], potential.get_type_map())
        batch = loaded.frames()
        energy = potential.eval(batch.coord, batch.box, batch.type[0])[0][:, 0]
        np.save(system / "set.000" / "energy.npy", energy + loaded.compositions(np.arange(4)) @ OFFSET)
    return [str(place / name) for name in COMPOSITIONS]


def assert_shifted(new: DeepPot, old: DeepPot, systems) -> None:
    for system in load_systems(systems, old.get_type_map()):
        batch = system.frames()
        found, before = (potential.eval(batch.coord, batch.box, batch.type[0]) for potential in (new, old))
        np.testing.assert_allclose(found[0][:, 0], batch.energy, rtol=1e-9)
        for value, other in zip(found[1:], before[1:], strict=True):
            np.testing.assert_array_equal(value, other)


@pytest.fixture
def compressed(tmp_path):
    path = tmp_path / "compressed.pb"
    result = compress_graph(native_file("one_side"), CompressOptions())
    path.write_bytes(result.graph.SerializeToString())
    return path


@pytest.mark.parametrize("form", ["native", "portable", "compressed", "plain", "not tabulated"])
def test_offsets_of_graphs_are_found(form, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    path = {
        "native": lambda: native_file("one_side"),
        "portable": lambda: graph_file("one_side"),
        "compressed": lambda: request.getfixturevalue("compressed"),
        "plain": lambda: native_file("plain_two_sides"),
        "not tabulated": lambda: native_file("relu"),
    }[form]()
    systems = write_labeled(tmp_path, DeepPot(path))
    result = dp("change-bias", path, "-s", *systems, "-o", "new.pb")
    assert result.status == 0, result.err
    assert_shifted(DeepPot("new.pb"), DeepPot(path), systems)
    for text in ("12 frames", "3.250000", "-120.500000", "after"):
        assert text in result.err
    before, after = (constants(read_graph_def(each)) for each in (path, "new.pb"))
    np.testing.assert_allclose(after[BIAS] - before[BIAS], OFFSET, rtol=1e-9)
    others = {name for name in before if name != BIAS and not np.array_equal(before[name], after[name])}
    assert all("folded" in name for name in others)


@pytest.mark.parametrize("offset", [0.0, -2042.3456789, -54321.0987654])
def test_energies_kept_in_float32_change_to_its_rounding(tmp_path, monkeypatch, offset):
    """Another program may store the energies in float32 and cast them to float64 in the graph."""
    monkeypatch.chdir(tmp_path)
    config, values = variant_config("float32"), dict(variant_values("float32"))
    graph = portable_graph(config, values | {BIAS: values[BIAS] + offset}, 0.9)
    nodes = {node.name: node for node in graph.node}
    single = tf.make_ndarray(nodes[BIAS].attr["value"].tensor).astype(np.float32)
    nodes[BIAS].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(single))
    nodes[BIAS].attr["dtype"].type = tf.float32.as_datatype_enum
    read = nodes[f"{BIAS}/read"]
    read.op = "Cast"
    read.attr.clear()
    read.attr["SrcT"].type, read.attr["DstT"].type = tf.float32.as_datatype_enum, tf.float64.as_datatype_enum
    (tmp_path / "single.pb").write_bytes(graph.SerializeToString())
    systems = write_labeled(tmp_path, DeepPot("single.pb"))
    result = dp("change-bias", "single.pb", "-s", *systems, "-o", "new.pb")
    assert result.status == 0, result.err
    after = constants(read_graph_def("new.pb"))[BIAS]
    assert after.dtype == np.float32
    np.testing.assert_allclose(after, single + OFFSET, rtol=2e-7)


@pytest.fixture
def writer(tmp_path, monkeypatch):
    """Return a writer of checkpoints ``model.ckpt-N`` with an optimizer moment; the first one is written."""
    monkeypatch.chdir(tmp_path)
    variables = {name: tf.Variable(value) for name, value in variant_values("one_side").items()}
    moment = tf.Variable([1.5, 2.5], dtype=tf.float64)
    trackables = {"parameters": variables, "adam": {"first": {"x": moment}}}
    result = CheckpointWriter(tmp_path / "model.ckpt", 2, config_to_dict(variant_config("one_side")), trackables)
    result.save(7, {"data": {"min_nbor_dist": 0.9}, "best": 1.0})
    return result


def test_offsets_of_checkpoints_are_found_and_the_optimizer_stays(tmp_path, writer):
    values = variant_values("one_side")
    old = DeepPot(native_file("one_side"))
    systems = write_labeled(tmp_path, old)
    result = dp("change-bias", "model.ckpt", "-s", *systems, "-o", "changed")
    assert result.status == 0, result.err
    stored = StoredCheckpoint("changed")
    assert (stored.step, stored.metadata["best"]) == (7, 1.0)
    for name, value in stored.values().items():
        expected = values[name] + OFFSET if name == BIAS else values[name]
        np.testing.assert_allclose(value, expected, rtol=1e-9 if name == BIAS else 0)
    restored = {name: tf.Variable(tf.zeros_like(v)) for name, v in values.items()}
    first = tf.Variable([0.0, 0.0], dtype=tf.float64)
    stored.restore({"parameters": restored, "adam": {"first": {"x": first}}})
    np.testing.assert_array_equal(first.numpy(), [1.5, 2.5])
    assert dp("freeze", "-c", "changed", "-o", "new.pb").status == 0
    assert_shifted(DeepPot("new.pb"), old, systems)


@pytest.mark.parametrize("target", ["results", "file", ".", "..", "", "model.ckpt-7", "set.000/..", "no/..", "aside"])
def test_a_checkpoint_never_replaces_existing_files(tmp_path, writer, target):
    """The command fails before it reads the data, which do not exist here."""
    (tmp_path / "results" / "set.000").mkdir(parents=True)
    (tmp_path / "results" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("more of it")
    writer.prefix = tmp_path / "other"
    writer.save(1, {}).rename(tmp_path / ".aside.old")
    before = contents(tmp_path)
    result = dp("change-bias", "model.ckpt-7", "-s", "nowhere", "-o", target)
    assert result.status == 2
    assert "--output: " in result.message and "is there already; name a new directory" in result.message
    assert contents(tmp_path) == before
    assert not (tmp_path / "no").exists()
    if target:
        with pytest.raises(InputError, match="is there already"):
            StoredCheckpoint("model.ckpt-7").write_changed(target, {})
        assert contents(tmp_path) == before


@pytest.mark.parametrize("target", ["results", "no/graph.pb/x"])
def test_a_graph_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "no").mkdir()
    (tmp_path / "no" / "graph.pb").touch()
    result = dp("change-bias", graph_file("one_side"), "-s", "nowhere", "-o", target)
    assert result.status == 2
    assert result.message.startswith("--output: cannot write")


def test_a_changed_checkpoint_with_a_number_is_the_latest(tmp_path, writer):
    """--restart with the prefix continues from it, and later saves do not remove it first."""
    writer.save(9, {"data": {}})
    systems = write_labeled(tmp_path, DeepPot(native_file("one_side")))
    result = dp("change-bias", "model.ckpt-7", "-s", *systems, "-o", "model.ckpt-2000")
    assert result.status == 0, result.err
    assert StoredCheckpoint("model.ckpt").path.name == "model.ckpt-2000"
    assert StoredCheckpoint("model.ckpt").step == 7
    writer.save(10, {})
    assert sorted(path.name for path in tmp_path.glob("model.ckpt-*")) == ["model.ckpt-10", "model.ckpt-2000"]


def test_some_frames_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    systems = write_labeled(tmp_path, DeepPot(graph_file("one_side")))
    for name in COMPOSITIONS:
        energy = np.load(tmp_path / name / "set.000" / "energy.npy")
        np.save(tmp_path / name / "set.000" / "energy.npy", np.append(energy[:2], energy[2:] + 1e6))
    result = dp("change-bias", graph_file("one_side"), "-s", *systems, "-n", "2", "-o", "new.pb")
    assert "6 frames" in result.err and "-120.500000" in result.err


def test_undetermined_shifts_have_least_norm_and_unseen_species_have_none():
    compositions = np.array([[2, 1, 0]] * 4)
    found = shift(np.full(4, 5.0), compositions, rcond=None)
    np.testing.assert_allclose(found, [2, 1, 0], atol=1e-12)
    np.testing.assert_allclose(shift(np.full(4, 5.0), compositions, rcond=None, kept=[0]), [0, 5, 0], atol=1e-12)
    with pytest.raises(InputError, match="no energies"):
        shift(np.zeros(0), np.zeros((0, 2)), rcond=None)


def test_frames_are_repeated_by_their_multiplicity(tmp_path):
    potential = DeepPot(graph_file("one_side"))
    systems = load_systems(write_labeled(tmp_path, potential), potential.get_type_map())
    weights = [np.array([0.0, 2, 0, 1]), np.zeros(4), np.ones(4)]
    differences, compositions = residuals(potential, systems, weights)
    expected = np.array([[2, 2]] * 3 + [[4, 1]] * 4)
    np.testing.assert_array_equal(compositions, expected)
    np.testing.assert_allclose(differences, expected @ OFFSET, rtol=1e-9)


def test_a_graph_that_does_not_use_its_constant_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    systems = write_labeled(tmp_path, DeepPot(graph_file("one_side")))
    graph = read_graph_def(graph_file("one_side"))
    for node in graph.node:
        for k, name in enumerate(node.input):
            if name == BIAS:
                node.input[k] = "other"
    other = graph.node.add()
    other.CopyFrom(next(node for node in graph.node if node.name == BIAS))
    other.name = "other"
    (tmp_path / "other.pb").write_bytes(graph.SerializeToString())
    result = dp("change-bias", "other.pb", "-s", *systems, "-o", "new.pb")
    assert result.status == 2
    assert f"other.pb: the graph does not add {BIAS} to its energies" in result.message
    del graph.node[next(k for k, node in enumerate(graph.node) if node.name == BIAS)]
    with pytest.raises(InputError, match="lacks the constant"):
        shift_graph(graph, OFFSET, "other.pb")
    assert not (tmp_path / "new.pb").exists()


def test_data_of_other_species_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path / "a")
    (tmp_path / "a" / "type_map.raw").write_text("O\nXe\n")
    result = dp("change-bias", graph_file("one_side"), "-s", "a", "-o", "new.pb")
    assert result.status == 2
    assert "'Xe'" in result.message
