"""Checkpoints: whole or absent whenever a save is killed, found by what users type, verified when read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.train.checkpoint import CheckpointWriter, StoredCheckpoint, find_checkpoint

from .kills import Killed, watched


class Run:
    """A run whose one parameter, ``net/matrix``, holds the number that was saved last."""

    def __init__(self, directory, keep=3, prefix="model.ckpt"):
        self.prefix = directory / prefix
        self.variable = tf.Variable(0.0, dtype=tf.float64)
        self.trackables = {"parameters": {"net/matrix": self.variable}, "adam": {"updates": tf.Variable(0)}}
        self.writer = CheckpointWriter(self.prefix, keep, {"model": {}}, self.trackables)

    def save(self, step, value=None, label=None):
        self.variable.assign(step if value is None else value)
        return self.writer.save(step, {"best": 1.5, "value": float(self.variable)}, label)


def value_of(place) -> float:
    """The parameter in a checkpoint, read in both ways that there are, which must agree with its metadata."""
    stored = StoredCheckpoint(place)
    run = Run.__new__(Run)
    run.variable = tf.Variable(-1.0, dtype=tf.float64)
    stored.restore({"parameters": {"net/matrix": run.variable}, "adam": {"updates": tf.Variable(0)}})
    assert stored.values() == {"net/matrix": run.variable.numpy()}
    assert stored.metadata["value"] == run.variable.numpy()
    return float(run.variable)


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_is_saved_is_read(tmp_path):
    path = Run(tmp_path).save(1000)
    assert path == tmp_path / "model.ckpt-1000"
    stored = StoredCheckpoint(path)
    assert (stored.step, stored.config, stored.metadata) == (1000, {"model": {}}, {"best": 1.5, "value": 1000.0})
    assert value_of(path) == 1000


def test_only_the_newest_stay(tmp_path):
    run = Run(tmp_path, keep=2)
    for step in (1, 2, 30, 4):
        run.save(step)
        run.save(step, label="best")
    assert names(tmp_path) == {"model.ckpt-30", "model.ckpt-4", "model.ckpt-best", "checkpoint"}


def test_best_is_replaced_in_place(tmp_path):
    run = Run(tmp_path)
    run.save(1, label="best")
    run.save(7, label="best")
    assert value_of(tmp_path / "model.ckpt-best") == 7
    assert names(tmp_path) == {"model.ckpt-best"}


@pytest.mark.parametrize("later", [[], [20, 30, 40, 50]])
def test_a_run_that_starts_again_is_not_pushed_out_by_later_steps_of_the_old_one(tmp_path, later):
    """The newest is the one written last; steps of a run that was given up go first."""
    old = Run(tmp_path, keep=3)
    for step in later:
        old.save(step)
    new = Run(tmp_path, keep=3)
    for step in (5, 10):
        new.save(step, value=step + 0.5)
        for place in (tmp_path, tmp_path / "model.ckpt"):
            assert value_of(place) == step + 0.5
    assert {"model.ckpt-5", "model.ckpt-10"} <= names(tmp_path)
    assert len(names(tmp_path)) <= 4


class TestFind:
    """Everything that may be typed after ``--restart``."""

    @pytest.fixture
    def place(self, tmp_path):
        run = Run(tmp_path)
        for step in (9, 10):
            run.save(step)
        run.save(9, label="best")
        return tmp_path

    def test_exact(self, place):
        assert find_checkpoint(place / "model.ckpt-9") == place / "model.ckpt-9"
        assert find_checkpoint(str(place / "model.ckpt-best") + "/") == place / "model.ckpt-best"

    def test_prefix(self, place):
        assert find_checkpoint(place / "model.ckpt") == place / "model.ckpt-10"

    def test_directory(self, place):
        assert find_checkpoint(place) == place / "model.ckpt-10"

    def test_current_directory(self, place, monkeypatch):
        monkeypatch.chdir(place)
        assert find_checkpoint(".").resolve() == place / "model.ckpt-10"
        assert find_checkpoint("model.ckpt").resolve() == place / "model.ckpt-10"
        monkeypatch.chdir(place / "model.ckpt-9")
        assert find_checkpoint(".").resolve() == place / "model.ckpt-9"

    @pytest.mark.parametrize("pointer", [None, "", "model.ckpt-9\n", "model.ckpt-77\n", "\x00/..\n", "/etc-1\n"])
    def test_a_pointer_that_is_stale_or_missing_does_no_harm(self, place, pointer):
        if pointer is None:
            (place / "checkpoint").unlink()
        else:
            (place / "checkpoint").write_text(pointer)
        assert find_checkpoint(place) == place / "model.ckpt-10"

    def test_the_pointer_chooses_between_two_runs(self, place):
        Run(place, prefix="other").save(3)
        assert find_checkpoint(place) == place / "other-3"
        Run(place).save(11)
        assert find_checkpoint(place) == place / "model.ckpt-11"

    @pytest.mark.parametrize("wanted", ["model.ckpt-11", "other", "nowhere/model.ckpt", "model.ckpt-9/state.index"])
    def test_nothing_there(self, place, wanted):
        with pytest.raises(
            InputError, match=r"no checkpoint there; give a checkpoint directory such as model.ckpt-1000"
        ):
            find_checkpoint(place / wanted)

    def test_an_empty_directory(self, tmp_path):
        with pytest.raises(InputError, match="no checkpoint there"):
            find_checkpoint(tmp_path)


class TestDamage:
    """A checkpoint that is not as it was written is refused, with the file that is to blame."""

    @pytest.fixture
    def path(self, tmp_path):
        return Run(tmp_path).save(5)

    def refused(self, path, *words):
        with pytest.raises(InputError) as caught:
            StoredCheckpoint(path)
        assert all(word in str(caught.value) for word in words)

    @pytest.mark.parametrize("name", ["state.index", "state.data-00000-of-00001", "config.json"])
    @pytest.mark.parametrize("damage", ["removed", "cut", "flipped"])
    def test_in_a_listed_file(self, path, name, damage):
        file = path / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        if damage == "removed":
            file.unlink()
        else:
            file.write_bytes(content if damage == "flipped" else content[:-1])
        self.refused(path, str(file), "missing or damaged", "checksum", "older checkpoint")

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "step": "x", "metadata": {}, "sha256": {}}'])
    def test_in_the_list(self, path, text):
        (path / "manifest.json").write_text(text)
        self.refused(path, "manifest.json", "not a checkpoint's list of files")

    def test_another_format(self, path):
        manifest = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
        self.refused(path, "checkpoint format 2", "reads format 1")

    def test_other_parameters(self, path):
        other = {"parameters": {"net/matrix": tf.Variable([1.0, 2.0], dtype=tf.float64)}, "adam": {}}
        with pytest.raises(InputError, match="does not fit the model in the input file"):
            StoredCheckpoint(path).restore(other)


SAVES = {
    "the next step": lambda run: run.save(3),
    "the same step again": lambda run: run.save(2, value=20),
    "the best": lambda run: run.save(3, label="best"),
    "one that pushes out another": lambda run: (setattr(run.writer, "keep", 1), run.save(3)),
}


@pytest.mark.parametrize("kind", SAVES)
def test_a_save_killed_at_any_file_operation_leaves_a_run_to_restart(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    base = tmp_path / "base"
    base.mkdir()
    first = Run(base)
    first.save(1)
    first.save(2)
    first.save(2, label="best")

    def killed_save(number: float) -> int:
        place = tmp_path / f"killed-{number}"
        shutil.copytree(base, place)
        run = Run(place)
        with watched(place, number) as operations:
            SAVES[kind](run)
        for where in (place, place / "model.ckpt", place / "model.ckpt-best"):
            stored = StoredCheckpoint(where)
            assert stored.metadata["value"] in (2, 3, 20), f"{where} killed at operation {number}"
            assert stored.values()["net/matrix"] == stored.metadata["value"]
        run.save(4)
        assert value_of(place) == value_of(place / "model.ckpt") == 4
        left = {name for name in names(place) if name.startswith(".")}
        assert all(name.startswith(".checkpoint.") for name in left), f"left over: {left}"
        shutil.rmtree(place)
        return operations.count

    total = killed_save(float("inf"))
    assert total > 10
    for number in range(1, total + 1):
        killed_save(number)


def test_a_save_killed_while_tensorflow_writes(tmp_path, monkeypatch):
    run = Run(tmp_path)
    run.save(1)

    def half(self, path, options=None):
        with open(f"{path}.index", "wb") as file:
            file.write(b"half")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", half)
        with pytest.raises(Killed):
            run.save(2)
    assert value_of(tmp_path) == 1
    run.save(3)
    assert names(tmp_path) == {"model.ckpt-1", "model.ckpt-3", "checkpoint"}


@pytest.mark.parametrize("function", ["mkdir", "rename", "replace", "fsync"])
def test_a_save_that_the_system_refuses_is_one_message_and_keeps_the_old(tmp_path, monkeypatch, function):
    run = Run(tmp_path)
    run.save(1)
    real, calls = getattr(os, function), []

    def refuse(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return real(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, refuse)
        with pytest.raises(InputError, match="No space left on device"):
            run.save(2)
    assert value_of(tmp_path) in (1, 2)
    assert not {name for name in names(tmp_path) if name.startswith(".")}
    run.save(3)
    assert value_of(tmp_path) == 3


def test_tensorflow_failing_to_write_is_one_message(tmp_path, monkeypatch):
    run = Run(tmp_path)
    run.save(1)

    def fail(self, path, options=None):
        raise tf.errors.ResourceExhaustedError(None, None, "disk full")

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", fail)
        with pytest.raises(
            InputError, match=r"training\.save_ckpt: cannot write checkpoint .*model\.ckpt-2: .*disk full"
        ):
            run.save(2)
    assert names(tmp_path) == {"model.ckpt-1", "checkpoint"}


def test_directories_of_the_prefix_are_made(tmp_path):
    Run(tmp_path / "a" / "b").save(1)
    assert value_of(tmp_path / "a" / "b" / "model.ckpt") == 1


def test_a_prefix_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"training\.save_ckpt: cannot write into the directory"):
        Run(tmp_path / "file")


def test_values_of_all_shapes_survive(tmp_path, rng):
    arrays = {
        "a/b_c/d-e": rng.normal(size=(2, 3)),
        "scalar": np.array(1.5),
        "empty": np.zeros((0, 3)),
        "x.S/y": np.ones(2),
    }
    variables = {name: tf.Variable(value) for name, value in arrays.items()}
    path = CheckpointWriter(tmp_path / "m", 1, {}, {"parameters": variables}).save(1, {})
    stored = StoredCheckpoint(path).values()
    assert stored.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(stored[name], value)


class TestSomebodyWhoWantsHarm:
    """Files that were changed together with their checksums."""

    @pytest.fixture
    def path(self, tmp_path):
        return Run(tmp_path).save(5)

    def forge(self, path, name, change):
        file = path / name
        file.write_bytes(change(file.read_bytes()))
        manifest = json.loads((path / "manifest.json").read_text())
        manifest["sha256"] = {n: hashlib.sha256((path / n).read_bytes()).hexdigest() for n in manifest["sha256"]}
        (path / "manifest.json").write_text(json.dumps(manifest))

    def refused(self, path, *words):
        stored = StoredCheckpoint(path)
        for read in (stored.values, lambda: stored.restore(Run(path.parent / "other").trackables)):
            with pytest.raises(InputError) as caught:
                read()
            assert all(word in str(caught.value) for word in words), str(caught.value)

    @pytest.mark.parametrize("size", [0, 7, 47, 48, 100])
    def test_an_index_cut_short(self, path, size):
        self.forge(path, "state.index", lambda data: data[:size])
        self.refused(path, "model.ckpt-5")

    def test_data_cut_short(self, path):
        self.forge(path, "state.data-00000-of-00001", lambda data: data[:3])
        self.refused(path, "beyond the end")

    def test_an_index_with_a_byte_changed_never_ends_the_process(self, path):
        """It is refused, or read as it was: the footer has bytes that mean nothing."""
        whole = (path / "state.index").read_bytes()
        refusals = 0
        for place in range(0, len(whole), 3):
            changed = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
            self.forge(path, "state.index", lambda data, changed=changed: changed)
            try:
                assert StoredCheckpoint(path).values() == {"net/matrix": 5.0}
            except InputError as error:
                assert "model.ckpt-5" in str(error)
                refusals += 1
        assert refusals > len(whole) / 3 * 0.8

    def test_tensors_that_no_run_writes(self, path):
        prefix = path / "state"
        reader = tf.train.load_checkpoint(str(prefix))
        keys = sorted(reader.get_variable_to_shape_map())
        bad = {key: np.zeros(3, np.uint16) if "matrix" in key else reader.get_tensor(key) for key in keys}
        tf.raw_ops.SaveV2(
            prefix=str(prefix), tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=list(bad.values())
        )
        self.forge(path, "state.index", lambda data: data)
        self.refused(path, "expected numbers, got a tensor of type")

    @pytest.mark.parametrize("text", ["[]", "3", '"x"', "{", "[" * 100_000])
    def test_a_configuration_that_is_none(self, path, text):
        self.forge(path, "config.json", lambda data: text.encode())
        with pytest.raises(InputError, match=r"config.json: not the input of a run"):
            StoredCheckpoint(path)

    def test_keys_that_are_not_there(self, path):
        stored = StoredCheckpoint(path)
        for table in (stored.metadata, stored.config["model"]):
            with pytest.raises(InputError, match=r"model.ckpt-5/\w+.json: lacks the key panels"):
                table["panels"]

    def test_a_list_without_the_state(self, path):
        manifest = json.loads((path / "manifest.json").read_text())
        del manifest["sha256"]["state.index"]
        (path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(InputError, match=r"does not list state.index"):
            StoredCheckpoint(path)
