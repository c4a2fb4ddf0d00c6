"""Runs that are killed, run out of disk, or are continued otherwise than they were begun."""

from __future__ import annotations

import json
import logging
import resource
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from deepmd_tf import Run, parse_config
from deepmd_tf.checkpoint.manifest import seal
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.train.lcurve import LearningCurve

from ..kills import watched
from ..runs import INPUT, changed, dp, stored_state, write_input, write_system
from ..tiers import slow_but
from .conftest import LONG
from .test_train import assert_same_run, train

POINTS = 64
EVERY_STEP = LONG | {"training.save_freq": 1, "training.disp_freq": 1, "training.max_ckpt_keep": 2}


@pytest.mark.slow
def test_a_run_killed_at_any_file_operation_restarts_to_the_same_bits(place, tmp_path_factory):
    """Kills spread evenly over a whole run, first steps to last; from the checkpoint there is, or anew."""
    write_input(place, EVERY_STEP)
    reference = tmp_path_factory.mktemp("reference")
    shutil.copytree(place, reference, dirs_exist_ok=True)
    with watched(place) as operations:
        train()
    whole = operations.count
    assert whole > POINTS
    for name in {path.name for path in place.iterdir()} - {path.name for path in reference.iterdir()}:
        (place / name).rename(reference / name)
    for number in np.unique(np.linspace(1, whole, POINTS).astype(int)):
        with watched(place, number):
            dp("train", "input.json")
        logging.getLogger("deepmd_tf").handlers.clear()
        begun = any(place.glob("model.ckpt-[0-9]*"))
        train(*(("--restart", "model.ckpt") if begun else ()))
        assert_same_run(place, reference)
        for path in set(place.iterdir()):
            if path.name not in ("data_0", "data_1", "data_2", "input.json"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def limited(size: int, *arguments: str) -> subprocess.CompletedProcess:
    """Run `dp` where no file can grow beyond a number of bytes, as on a full disk."""
    return subprocess.run(
        [sys.executable, "-m", "deepmd_tf.cli", *arguments],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)),
    )


@pytest.mark.parametrize("size", slow_but([5000], [1500, 5000]), ids=["input", "checkpoint"])
def test_a_full_disk_ends_the_run_and_what_is_there_stays(trained, finished, size):
    shutil.rmtree(finished / "model.ckpt-6")
    (finished / "checkpoint").write_text("model.ckpt-4\n")
    curve = (finished / "lcurve.out").read_bytes()
    done = limited(size, "train", "input.json", "--restart", "model.ckpt")
    assert done.returncode == 2, done.stderr
    message = done.stderr.splitlines()[-1]
    assert message.startswith("dp train: error: ")
    assert "File too large" in message
    assert ("cannot write out.json" if size == 1500 else "training.save_ckpt: cannot write checkpoint") in message
    assert "Traceback" not in done.stderr
    assert stored_state(finished / "model.ckpt-4") == stored_state(trained / "model.ckpt-4")
    assert (finished / "lcurve.out").read_bytes().startswith(curve[:100])
    assert not [path for path in finished.iterdir() if path.name.startswith(".")]
    train("--restart", "model.ckpt")
    assert_same_run(finished, trained)


@pytest.mark.parametrize("number", slow_but([signal.SIGTERM], [signal.SIGTERM, signal.SIGUSR1]))
def test_a_batch_system_that_asks_for_the_end_gets_a_checkpoint(trained, place, monkeypatch, number):
    write = LearningCurve.write

    def write_and_signal(curve, step, *arguments):
        write(curve, step, *arguments)
        if step == 2:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(LearningCurve, "write", write_and_signal)
        write_input(place, LONG | {"training.save_freq": 5})
        before = signal.getsignal(number)
        log = train().err
    assert f"{signal.Signals(number).name}: saving a checkpoint" in log
    assert signal.getsignal(number) is before
    assert stored_state(place / "model.ckpt-2") == stored_state(trained / "model.ckpt-2")
    train("--restart", "model.ckpt")
    assert_same_run(place, trained)


@pytest.mark.parametrize(("key", "value"), [("sums", "x"), ("data", []), ("ranks", 0)])
def test_metadata_that_no_run_writes_are_one_message(finished, key, value):
    reseal(finished / "model.ckpt-4", lambda metadata: metadata.update({key: value}))
    message = train("--restart", "model.ckpt-4", status=2).message
    assert f"model.ckpt-4: its {key}, " in message
    assert "not what a run writes" in message


def reseal(path, change) -> None:
    """Change the metadata of a checkpoint, and its checksum with them."""
    facts = json.loads((path / "manifest.json").read_text())
    change(facts["metadata"])
    (path / "manifest.json").write_text(json.dumps(facts | {"checksum": seal(facts)}))


class TestChanges:
    """Differences from the run of the checkpoint are allowed and logged."""

    @pytest.fixture
    def reported(self, finished, logged):
        """Prepare a restart with changed keys; return what the log reports."""

        def prepare(keys) -> list[str]:
            logged.clear()
            Run.prepare(parse_config(changed(INPUT, LONG | keys)), restart="model.ckpt-4")
            return [line.partition("restart: ")[2] for line in logged if line.startswith("restart: ")]

        return prepare

    def trained_on(self, place, keys) -> list[str]:
        """Restart with changed keys and train to the end; return what the log reports."""
        write_input(place, LONG | keys)
        lines = train("--restart", "model.ckpt-4").err.splitlines()
        return [line.partition("restart: ")[2] for line in lines if "WARNING restart: " in line]

    def test_nothing(self, reported):
        assert reported({}) == []

    def test_more_steps_and_what_becomes_of_the_learning_rate(self, finished):
        said = self.trained_on(finished, {"training.numb_steps": 8})
        assert said == [
            "training.numb_steps was 6, is 8",
            "the learning rate at step 4 was 4.642e-05, is 1.000e-04",
        ]
        assert np.genfromtxt("lcurve.out", names=True)["step"].tolist() == [2, 4, 6, 8]

    def test_learning_rate_loss_and_outputs(self, finished):
        keys = {"learning_rate.start_lr": 2e-3, "loss": {"type": "ener", "start_pref_f": 500}, "training.disp_freq": 1}
        said = self.trained_on(finished, keys)
        assert "learning_rate.start_lr was 0.001, is 0.002" in said
        assert "loss.start_pref_f was 1000.0, is 500" in " ".join(said).replace("500.0", "500")
        assert "training.disp_freq was 2, is 1" in said
        assert np.genfromtxt("lcurve.out", names=True)["step"].tolist() == [2, 4, 5, 6]

    def test_more_data(self, finished, reported):
        write_system(finished / "more", nframes=2, seed=9)
        said = reported({"training.training_data.systems": ["data_0", "data_1", "more"]})
        assert (
            "the training data were 2 systems with 7 frames, are 3 with 9; frames are drawn from these from now on"
            in said
        )

    def test_data_of_other_sizes_in_the_same_place(self, finished, reported):
        shutil.rmtree(finished / "data_1")
        write_system(finished / "data_1", types=(0, 1), nframes=3, seed=9)
        (line,) = reported({})
        assert "are 2 with 7 of other sizes" in line

    @pytest.mark.parametrize("name", ["coord", "box", "energy", "force", "virial", "type"])
    def test_data_of_other_content_in_the_same_place(self, finished, reported, name):
        if name == "type":
            (finished / "data_1" / "type.raw").write_text("0\n1\n0\n")
        else:
            file = finished / "data_1" / "set.000" / f"{name}.npy"
            values = np.load(file)
            values[1] += 100 if name == "energy" else 1e-6 * np.abs(values[1])
            np.save(file, values)
        (line,) = reported({})
        assert line.startswith("the training data were 2 systems with 7 frames, are 2 with 7 of other content; ")

    @pytest.mark.parametrize("lacks", ["content", "training_data"])
    def test_checkpoints_that_do_not_tell_say_nothing(self, finished, reported, lacks):
        np.save(finished / "data_1" / "set.000" / "energy.npy", np.zeros(3))

        def forget(metadata):
            (metadata if lacks in metadata else metadata["training_data"]).pop(lacks)

        reseal(finished / "model.ckpt-4", forget)
        assert reported({}) == []

    def test_fewer_ranks_and_what_becomes_of_the_learning_rate(self, finished, reported):
        """With scale_by_worker linear two ranks learn twice as fast."""
        reseal(finished / "model.ckpt-4", lambda metadata: metadata.update(ranks=2))
        said = reported({})
        assert said == [
            "the run was on 2 ranks, is on 1",
            "the learning rate at step 4 was 9.283e-05, is 4.642e-05",
        ]
        (line,) = reported({"training.share_batch": True})[1:-1]
        assert line == "the run was on 2 ranks, is on 1"

    def test_data_that_were_moved_are_the_same_run(self, trained, finished):
        (finished / "data_1").rename(finished / "elsewhere")
        (line,) = self.trained_on(finished, {"training.training_data.systems": ["data_0", "elsewhere"]})
        assert line.startswith("training.training_data.systems was ")
        assert StoredCheckpoint(finished / "model.ckpt-6").step == 6
        assert_same_run(finished, trained)
