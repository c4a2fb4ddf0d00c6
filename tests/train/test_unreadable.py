"""Data that become unreadable, and memory that runs out, end a run with one message and cost nothing learnt before."""

from __future__ import annotations

import os
import tempfile
from types import SimpleNamespace

import pytest
import tensorflow as tf

from deepmd_tf.cli import freeze, show
from deepmd_tf.data import memory, pipeline
from deepmd_tf.errors import InputError, first_line, user_message
from deepmd_tf.ops import op_message
from deepmd_tf.train.failure import Failure
from deepmd_tf.train.trainer import ResolvingStep, Trainer

from ..runs import dp, stored_state, write_data, write_input
from ..threaded import on_ranks

STEPS = 60
LONG = {"training.numb_steps": STEPS, "training.save_freq": 100, "training.disp_freq": 4}  # more than is prepared ahead


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Data that are read from the files at every step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "KEPT_FRACTION", 0.0)
    write_data(tmp_path)
    return tmp_path


def after_step(monkeypatch, number: int, act) -> None:
    """Do something when a step has been taken."""
    train_one = Trainer._train_one

    def watched(self, batch, outputs):
        train_one(self, batch, outputs)
        if self.step == number:
            act()

    monkeypatch.setattr(Trainer, "_train_one", watched)


def shorten(path) -> None:
    """Cut a file to half, as a file system that lost some of it."""
    os.truncate(path, path.stat().st_size // 2)


def learnt(place) -> dict[str, bytes]:
    return {name: value for name, value in stored_state(place).items() if name != "metadata"}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What the whole run learns."""
    place = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        write_data(place)
        write_input(place, LONG)
        assert dp("train", "input.json").status == 0
    return learnt(place / f"model.ckpt-{STEPS}")


@pytest.mark.parametrize(
    ("fault", "system", "step"),
    [
        ("shortened", "data_0", 5),
        pytest.param("gone", "data_2", 9, marks=pytest.mark.slow),
        pytest.param("gone", "data_1", 5, marks=pytest.mark.slow),
        pytest.param("shortened", "data_2", 8, marks=pytest.mark.slow),
    ],
)
def test_a_file_that_becomes_unreadable(place, uninterrupted, monkeypatch, fault, system, step):
    """Training data are missed at the first step that needs them, validation data at the next line of the curve."""
    write_input(place, LONG)
    path = place / system / "set.000" / "force.npy"
    whole = path.read_bytes()
    with monkeypatch.context() as patch:
        after_step(patch, step, lambda: shorten(path) if fault == "shortened" else path.unlink())
        result = dp("train", "input.json")
    assert result.status == 2
    assert "Traceback" not in result.err
    assert result.err.count("error: ") == 1
    reached = int(result.message.split("after step ")[1].split(":")[0])
    assert reached == {8: 8, 9: 12}.get(step, reached)
    assert step <= reached < STEPS
    reason = "became shorter while it was in use" if fault == "shortened" else "cannot be read: No such file"
    assert f"{system}/set.000/force.npy: {reason}" in result.message
    assert "the checkpoint of this step has the current state" in result.message
    path.write_bytes(whole)
    assert dp("train", "input.json", "--restart", f"model.ckpt-{reached}").status == 0
    assert learnt(f"model.ckpt-{STEPS}") == uninterrupted


def test_before_the_first_step_nothing_is_written(place, monkeypatch):
    write_input(place, LONG)
    path = place / "data_0" / "set.000" / "force.npy"
    run = Trainer.run

    def begin(self, *arguments):
        shorten(path)
        return run(self, *arguments)

    monkeypatch.setattr(Trainer, "run", begin)
    write_input(place, LONG | {"training.training_data.systems": ["data_0"]})
    result = dp("train", "input.json")
    assert (result.status, result.message.startswith("after step 0: data_0/")) == (2, True), result.err
    assert "checkpoint" not in result.message
    assert not list(place.glob("model.ckpt*"))


def test_a_file_that_comes_back_in_time_is_not_missed(place, uninterrupted, monkeypatch):
    """What fails while batches are prepared ahead is tried again when it is needed."""
    write_input(place, LONG)
    path = place / "data_0" / "set.000" / "force.npy"
    hidden = path.with_name("hidden")
    prepare = pipeline.packing.pack
    prepared = []

    def pack(arrays):
        prepared.append(arrays)
        if len(prepared) == 30:
            path.rename(hidden)
        return prepare(arrays)

    again = pipeline.batch_at

    def back(*arguments):
        if hidden.exists():
            hidden.rename(path)
            failed.append(True)
        return again(*arguments)

    failed = []
    monkeypatch.setattr(pipeline.packing, "pack", pack)
    monkeypatch.setattr(pipeline, "batch_at", back)
    assert dp("train", "input.json").status == 0
    assert failed == [True]
    assert learnt(f"model.ckpt-{STEPS}") == uninterrupted


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("train", tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\nnode")),
        pytest.param("evaluate", MemoryError("Unable to allocate 7 GiB"), marks=pytest.mark.slow),
    ],
)
def test_memory_that_runs_out_in_a_step(place, uninterrupted, monkeypatch, where, error):
    """As the gradient is needed before anything is changed, what was learnt is sound."""
    function, calls = getattr(ResolvingStep, where), []

    def fail(self, *arguments):
        calls.append(arguments)
        if len(calls) == {"train": 7, "evaluate": 1}[where]:
            raise error
        return function(self, *arguments)

    monkeypatch.setattr(ResolvingStep, where, fail)
    write_input(place, LONG | {"training.disp_freq": 6})
    result = dp("train", "input.json")
    assert result.status == 2
    assert f"after step 6: out of memory ({str(error).splitlines()[0]}): use fewer atoms at a time" in result.message
    assert "Traceback" not in result.err
    monkeypatch.setattr(ResolvingStep, where, function)
    assert dp("train", "input.json", "--restart", "model.ckpt-6").status == 0
    assert learnt(f"model.ckpt-{STEPS}") == uninterrupted


@pytest.mark.slow
def test_a_step_that_memory_ran_out_in_while_learning_is_not_saved(place, monkeypatch):
    write_input(place, LONG)

    train_one = Trainer._train_one

    def fail(self, batch, outputs):
        if self.step == 6:
            self._optimizer.updates.assign_add(1)
            raise MemoryError
        train_one(self, batch, outputs)

    monkeypatch.setattr(Trainer, "_train_one", fail)
    result = dp("train", "input.json")
    assert result.status == 2
    assert result.message.startswith("out of memory: use fewer")
    assert not list(place.glob("model.ckpt-6*"))


@pytest.mark.parametrize("command", ["freeze", "show"])
def test_memory_that_runs_out_elsewhere(monkeypatch, command):
    def fail(arguments):
        raise MemoryError("Unable to allocate 7 GiB")

    monkeypatch.setattr({"freeze": freeze, "show": show}[command], "run", fail)
    result = dp(command, *(["graph.pb"] if command == "show" else []))
    assert result.status == 2
    assert result.message.startswith("out of memory (Unable to allocate 7 GiB): ")


def test_defects_are_not_hidden():
    assert user_message(ValueError("no")) is None
    assert user_message(tf.errors.InternalError(None, None, "no")) is None
    assert user_message(InputError("yes")) == "yes"
    assert user_message(OSError("yes")) == "yes"


def test_without_space_for_temporary_files_the_message_says_who_needs_them(monkeypatch, tmp_path):
    """As TensorFlow does where it is imported; Python raises a bare error."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    words = ("No usable temporary directory", str(tmp_path / "nowhere"), "TensorFlow needs", "full", "TMPDIR")
    message = user_message(caught.value)
    assert all(word in message for word in words) and "Errno" not in message


def test_no_message_names_nodes_of_tensorflow():
    where = "{{function_node __wrapped__SaveV2_device_/job:localhost/device:CPU:0}} "
    error = tf.errors.ResourceExhaustedError(None, None, f"{where}OOM when allocating [[{{{{node a}}}}]] [Op:MatMul]")
    assert "(OOM when allocating): " in user_message(error)
    error = tf.errors.UnknownError(None, None, f"{where}a/b; No space left on device\n\tFailed [Op:SaveV2] name: ")
    assert first_line(error) == "a/b; No space left on device"
    assert op_message(error) == "Failed"
    assert first_line(tf.errors.UnknownError(None, None, "")) == "UnknownError"
    assert first_line(KeyError("name")) == "'name'"


def test_a_rank_whose_data_fail_ends_all_after_saving():
    """Flags of all ranks are looked at together; rank 0 saves, and all say the same."""

    def ask(ranks):
        trainer = object.__new__(Trainer)
        trainer.ranks, trainer._failure, trainer.step = ranks, Failure(), 3
        trainer._stop_requested = False
        trainer.config = SimpleNamespace(training=SimpleNamespace(numb_steps=10))
        batches = iter([1]) if ranks.rank == 0 else unreadable()
        batch = trainer._next_batch(batches, SimpleNamespace(requested=False))
        return batch, trainer._interrupted, trainer._failure.message

    def unreadable():
        raise InputError("x.npy: gone")
        yield

    assert on_ranks(2, ask) == [(None, False, None), (None, False, "x.npy: gone")]
