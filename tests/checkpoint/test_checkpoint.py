"""Checkpoints: whole or absent whenever a save is killed, found by what users type, verified when read."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.checkpoint.places import find_checkpoint, is_checkpoint
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.checkpoint.writer import CheckpointWriter
from deepmd_tf.errors import InputError

from ..checkpoints import Run, names, value_of
from ..kills import Killed, watched


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


@pytest.mark.parametrize("what", ["directory", "file", "link", "checkpoint with notes"])
def test_what_is_no_checkpoint_is_kept_when_its_name_is_needed(tmp_path, what):
    run, place = Run(tmp_path, keep=1), tmp_path / "model.ckpt-best"
    (tmp_path / "mine").mkdir()
    if what == "file":
        place.write_text("work")
    elif what == "link":
        (tmp_path / "mine" / "notes.txt").write_text("work")
        place.symlink_to(tmp_path / "mine")
    else:
        if what == "directory":
            place.mkdir()
        else:
            run.save(3, label="best")
        (place / "notes.txt").write_text("work")
    run.save(5, label="best")
    assert value_of(place) == 5
    kept = tmp_path / "model.ckpt-best.kept-1"
    assert (kept if what == "file" else kept / "notes.txt").read_text() == "work"
    run.save(6, label="best")
    assert value_of(place) == 6
    assert names(tmp_path) == {"mine", "model.ckpt-best", "model.ckpt-best.kept-1"}


def test_a_checkpoint_into_which_somebody_wrote_is_never_removed(tmp_path):
    run = Run(tmp_path, keep=1)
    (run.save(1) / "notes.txt").write_text("work")
    for hidden in (".model.ckpt-8.old", ".model.ckpt-9.partial"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "notes.txt").write_text("work")
    for step in (2, 3):
        run.save(step)
    others = {"model.ckpt-1", ".model.ckpt-8.old", ".model.ckpt-9.partial"}
    assert names(tmp_path) == {"model.ckpt-3", "checkpoint", *others}
    assert all((tmp_path / name / "notes.txt").read_text() == "work" for name in others)


@pytest.mark.parametrize(
    ("files", "ours"),
    [
        ((), True),
        (("state.index", "state.data-00000-of-00001", "config.json", "manifest.json"), True),
        (("state.index.tempstate12", "state_temp"), True),
        (("state.index", "statement.pdf"), False),
        (("state.index", "thesis.txt"), False),
    ],
)
def test_what_counts_as_a_checkpoint_that_may_be_removed(tmp_path, files, ours):
    for name in files:
        (tmp_path / name).touch()
    assert is_checkpoint(tmp_path) == ours
    (tmp_path.parent / "link").unlink(missing_ok=True)
    (tmp_path.parent / "link").symlink_to(tmp_path)
    assert not is_checkpoint(tmp_path.parent / "link")
    assert not is_checkpoint(tmp_path / "nothing")


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
            InputError, match=r"no checkpoint found; give a checkpoint directory such as model.ckpt-1000"
        ):
            find_checkpoint(place / wanted)

    def test_an_empty_directory(self, tmp_path):
        with pytest.raises(InputError, match="no checkpoint found"):
            find_checkpoint(tmp_path)


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
