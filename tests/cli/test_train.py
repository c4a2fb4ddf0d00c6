"""`dp train`: what it writes, and that continuing a run is the same as not having stopped."""

from __future__ import annotations

import json
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
import yaml

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.train.lcurve import LearningCurve

from ..runs import changed, dp, stored_state, write_input, write_system
from .conftest import LONG

STILL = {"learning_rate.start_lr": 1e-60, "learning_rate.stop_lr": 1e-60, "training.numb_steps": 2}
"""So small a learning rate that no bit of a parameter changes."""


def train(*arguments, status=0):
    result = dp("train", "input.json", *arguments)
    assert result.status == status, result.err
    return result


def values_at(place):
    return StoredCheckpoint(place).values()


def assert_same_run(place, reference):
    """Bitwise equal parameters, optimizer and learning curve."""
    assert stored_state(place / "model.ckpt-6") == stored_state(reference / "model.ckpt-6")
    assert (place / "lcurve.out").read_bytes() == (reference / "lcurve.out").read_bytes()


class TestOutput:
    def test_files(self, trained):
        written = {path.name for path in trained.iterdir()} - {"data_0", "data_1", "data_2", "input.json"}
        numbered = {f"model.ckpt-{step}" for step in (2, 4, 6)}
        assert written == {
            "lcurve.out",
            "out.json",
            "checkpoint",
            "model.ckpt-best",
            "graph.pb",
            *numbered,
            "train.log",
            "freeze.log",
        }
        assert (trained / "checkpoint").read_text() == "model.ckpt-6\n"

    def test_learning_curve(self, trained):
        curve = np.genfromtxt(trained / "lcurve.out", names=True)
        assert curve["step"].tolist() == [2, 4, 6]
        assert curve["lr"] == pytest.approx([1e-3 * 0.01 ** (k / 3) for k in (1, 2, 3)], rel=1e-3)
        for name in ("rmse_val", "rmse_trn", "rmse_e_val", "rmse_e_trn", "rmse_f_val", "rmse_f_trn"):
            assert (curve[name] > 0).all()

    def test_best_is_the_smallest_validation_force_error(self, trained):
        curve = np.genfromtxt(trained / "lcurve.out", names=True)
        best = StoredCheckpoint(trained / "model.ckpt-best")
        assert best.step == curve["step"][np.argmin(curve["rmse_f_val"])]
        assert best.metadata["best"] == pytest.approx(curve["rmse_f_val"].min(), rel=1e-4)

    def test_complete_input_trains_again_by_itself(self, trained, place):
        complete = json.loads((trained / "out.json").read_text())
        assert complete["training"]["max_ckpt_keep"] == 10
        assert complete["model"]["fitting_net"]["resnet_dt"] is True
        (place / "input.json").write_text((trained / "out.json").read_text())
        result = train("--output", "again.json", "--log-level", "error")
        assert result.err.startswith("Summary"), "nothing but the summary is reported at this level"
        assert (place / "again.json").read_bytes() == (trained / "out.json").read_bytes()
        assert_same_run(place, trained)

    def test_lines_and_summary_on_standard_error(self, trained):
        log = (trained / "train.log").read_text()
        lines = log.splitlines()
        assert [line for line in lines if "training: data_1  3 atoms  3 frames  batch 2" in line]
        assert [line for line in lines if "step 6" in line and "steps/s" in line and "left 0:00:00" in line]
        assert all(word in log for word in ("Summary", "lcurve.out", "model.ckpt-6", "dp freeze -c model.ckpt-6"))


class TestRestart:
    def test_is_bitwise_the_uninterrupted_run(self, trained, finished):
        shutil.rmtree(finished / "model.ckpt-6")
        result = train("--restart", "model.ckpt")
        assert "restarting from model.ckpt-4 at step 4" in result.err
        assert_same_run(finished, trained)

    def test_of_a_finished_run_changes_nothing(self, trained, finished):
        train("--restart", ".")
        assert_same_run(finished, trained)

    def test_of_a_longer_run_than_the_input_asks_for_is_refused(self, finished):
        write_input(finished, {"training.numb_steps": 3})
        message = train("--restart", "model.ckpt-4", status=2).message
        assert all(word in message for word in ("training.numb_steps", "3", "model.ckpt-4", "step 4"))

    def test_with_auto_sel_takes_that_of_the_checkpoint(self, finished):
        write_input(finished, LONG | {"model.descriptor.sel": "auto"})
        train("--restart", "model.ckpt-6", "--output", "new.json")
        assert json.loads((finished / "new.json").read_text())["model"]["descriptor"]["sel"] == [6, 6]


class TestStart:
    @pytest.mark.parametrize("option", [("--init-model", "model.ckpt-6"), ("--init-frz-model", "graph.pb")])
    def test_begins_with_given_parameters(self, trained, finished, option):
        source = values_at(trained / "model.ckpt-6")
        write_input(finished, LONG | STILL)
        train(*option)
        stored = StoredCheckpoint(finished / "model.ckpt-2")
        assert stored.step == 2
        assert {name: v.tobytes() for name, v in stored.values().items()} == {n: v.tobytes() for n, v in source.items()}
        assert np.genfromtxt("lcurve.out", names=True)["step"] == 2
        assert stored.metadata["data"] == StoredCheckpoint(trained / "model.ckpt-6").metadata["data"]

    def test_parts_that_are_not_trainable_do_not_move(self, trained, finished):
        parts = ("type_embedding", "descriptor")
        keys = {f"model.{part}.trainable": False for part in parts}
        keys |= {"training.numb_steps": 2, "model.fitting_net.trainable": [False, True, True]}
        write_input(finished, LONG | keys)
        train("--init-model", "model.ckpt-6")
        before, after = (values_at(where / f"model.ckpt-{n}") for where, n in ((trained, 6), (finished, 2)))
        moved = {name for name in before if (before[name] != after[name]).any()}
        assert moved == {"layer_1/matrix", "layer_1/bias", "layer_1/idt", "final_layer/matrix", "final_layer/bias"}

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"model.type_map": ["H", "O"]}, ["model.type_map", "cannot be reordered", "use its order"]),
            ({"model.descriptor.sel": [6, 8]}, ["model.descriptor.sel", "[6, 8]", "[6, 6]"]),
            ({"model.descriptor.neuron": [3, 12]}, ["filter_type_all", "expected shape", "same networks"]),
            ({"model.fitting_net.neuron": [6]}, ["layer_1/matrix", "same networks"]),
            ({"model.fitting_net.neuron": [6, 6, 6]}, ["layer_2/matrix", "not among the given values"]),
            ({"model.fitting_net.resnet_dt": False}, ["model.fitting_net.resnet_dt", "False", "True"]),
            ({"model.descriptor.rcut": 4.5}, ["model.descriptor.rcut", "4.5", "4.0"]),
        ],
    )
    @pytest.mark.parametrize(
        "option", [("--init-model", "model.ckpt"), ("--init-frz-model", "graph.pb"), ("--finetune", "graph.pb")]
    )
    def test_another_model_is_refused(self, finished, option, changes, words):
        write_input(finished, LONG | changes)
        message = train(*option, status=2).message
        assert all(word in message for word in words), message


class TestData:
    def test_systems_of_all_kinds_in_one_run(self, place):
        """Sizes, an open system, systems without virials or forces; sel measured, no validation, events written."""
        write_system(place / "open", types=(0, 1), nframes=2, periodic=False, labels=("energy", "force"), seed=4)
        write_system(place / "bare", types=(1, 1, 0, 0, 1), nframes=1, labels=("energy",), seed=5)
        keys = {
            "model.descriptor.sel": "auto",
            "model.data_stat_nbatch": 2,
            "loss.start_pref_v": 1.0,
            "training.training_data": {"systems": ["data_0", "data_1", "open", "bare"], "auto_prob": "prob_uniform"},
            "training.validation_data": ...,
            "training.numb_steps": 8,
            "training.disp_freq": 1,
            "training.tensorboard": True,
            "training.tensorboard_log_dir": "events/run",
            "training.tensorboard_freq": 4,
        }
        write_input(place, keys)
        result = train("--skip-neighbor-stat")
        assert "open" in next(line for line in result.err.splitlines() if "training: open" in line).split()
        assert "training.training_data: 2 of 4 systems have no virial.npy" in result.err
        curve = np.genfromtxt("lcurve.out", names=True)
        assert not [name for name in curve.dtype.names if name.endswith("_val")]
        assert curve["step"].tolist() == list(range(1, 9))
        assert np.isfinite(curve["rmse_e_trn"]).all()
        assert 0 < np.isnan(curve["rmse_v_trn"]).sum() < 8
        assert not (place / "model.ckpt-best").exists()
        (events,) = (place / "events" / "run").iterdir()
        steps = {tf.compat.v1.Event.FromString(r.numpy()).step for r in tf.data.TFRecordDataset(str(events))}
        assert {4, 8} <= steps <= {0, 4, 8}

    def test_yaml_input_in_other_places(self, trained, place):
        keys = LONG | {"training.disp_file": "curves/a.out", "training.save_ckpt": "models/m/net"}
        table = changed(json.loads((place / "input.json").read_text()), keys)
        (place / "input.yaml").write_text(yaml.safe_dump(table))
        (place / "curves").mkdir()
        result = dp("train", "input.yaml", "-o", "curves/complete.json")
        assert result.status == 0, result.err
        assert stored_state(place / "models" / "m" / "net") == stored_state(trained / "model.ckpt-6")
        assert (place / "curves" / "a.out").read_bytes() == (trained / "lcurve.out").read_bytes()

    def test_sel_too_small_is_reported_before_and_while_training(self, place):
        write_input(place, {"model.descriptor.sel": [1, 6], "training.numb_steps": 1})
        before = train().err
        assert "O: 3 neighbors, sel 1" in before
        assert "use sel [3, 6]" in before
        assert before.index("use sel") < before.index("step 1")
        while_training = train("--skip-neighbor-stat").err
        assert "sel is smaller than the data needs" in while_training

    def test_frame_and_atomic_parameters(self, place, rng):
        for system, (nframes, natoms) in {"data_0": (4, 4), "data_1": (3, 3), "data_2": (5, 4)}.items():
            np.save(place / system / "set.000" / "fparam.npy", rng.normal(300, 50, (nframes, 2)))
            np.save(place / system / "set.000" / "aparam.npy", rng.normal(0, 1, (nframes, natoms)))
        write_input(place, {"model.fitting_net.numb_fparam": 2, "model.fitting_net.numb_aparam": 1})
        train()
        assert dp("freeze", "-o", "graph.pb").status == 0
        stored = constants(read_graph_def("graph.pb"))
        assert stored["fitting_attr/dfparam"] == 2
        assert stored["fitting_attr/daparam"] == 1
        assert dp("test", "-m", "graph.pb", "-s", "data_2").status == 0
        (place / "data_2" / "set.000" / "fparam.npy").unlink()
        result = dp("test", "-m", "graph.pb", "-s", "data_2")
        assert result.status == 2
        assert all(word in result.message for word in ("data_2", "2 numbers per frame in fparam.npy", "no fparam.npy"))


class TestFailure:
    """Training that cannot go on ends with one message and leaves the last good checkpoint."""

    def test_a_loss_that_is_not_finite_names_the_frames(self, trained, finished):
        write_input(
            finished, LONG | {"learning_rate.start_lr": 1e300, "training.save_freq": 4, "training.numb_steps": 99}
        )
        result = train("--restart", "model.ckpt-4", status=2)
        words = ["after step 5", "data_", "frames [", "not finite", "learning_rate.start_lr", "are kept"]
        assert all(word in result.message for word in words)
        assert "Traceback" not in result.err
        assert stored_state(finished / "model.ckpt-4") == stored_state(trained / "model.ckpt-4")
        assert (finished / "checkpoint").read_text() == "model.ckpt-6\n"

    def test_atoms_that_coincide_are_named_while_training_too(self, place):
        """The statistics see one frame, the sampler comes to the others."""
        coord = np.load("data_0/set.000/coord.npy")
        coord[1:, 3:6] = coord[1:, :3]
        np.save("data_0/set.000/coord.npy", coord)
        training = {"systems": ["data_0"], "batch_size": 1}
        write_input(place, {"training.training_data": training, "model.data_stat_nbatch": 1})
        result = train("--skip-neighbor-stat", status=2)
        assert all(word in result.message for word in ("after step ", "data_0, frames [", "are kept"))
        assert "atoms 0 and 1 are at the same position" in result.message
        assert len(result.message.splitlines()) == 1

    def test_validation_data_are_looked_at_as_well(self, place):
        coord = np.load("data_2/set.000/coord.npy")
        coord[:, 3:6] = coord[:, :3]
        np.save("data_2/set.000/coord.npy", coord)
        result = train(status=2)
        assert all(word in result.message for word in ("data_2, frames [", "atoms 0 and 1 are at the same position"))
        assert len(result.message.splitlines()) == 1


class TestInterruption:
    @pytest.fixture(autouse=True)
    def listening(self):
        """Ctrl-C as Python has it from a terminal; a shell starts background jobs with it ignored."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.fixture
    def interrupting(self, monkeypatch):
        """A function that lets Ctrl-C arrive while some step's line of the learning curve is written."""

        def arrange(step, times=1):
            write = LearningCurve.write

            def write_and_press(curve, number, *arguments):
                write(curve, number, *arguments)
                for _ in range(times if number == step else 0):
                    signal.raise_signal(signal.SIGINT)

            monkeypatch.setattr(LearningCurve, "write", write_and_press)

        return arrange

    def test_ctrl_c_saves_and_the_run_goes_on_as_if_nothing_had_been(self, trained, place, interrupting):
        write_input(place, LONG | {"training.save_freq": 5})
        interrupting(step=2)
        result = train()
        assert "SIGINT: saving a checkpoint" in result.err
        assert "interrupted at" in result.err
        assert "dp train INPUT --restart model.ckpt-2" in result.err
        assert stored_state(place / "model.ckpt-2") == stored_state(trained / "model.ckpt-2")
        interrupting(step=-1)
        train("--restart", "model.ckpt")
        assert_same_run(place, trained)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_a_second_ctrl_c_stops_at_once(self, place, interrupting):
        interrupting(step=2, times=2)
        result = train(status=130)
        assert result.err.splitlines()[-1] == "dp train: interrupted"
        assert not (place / "model.ckpt-2").exists()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
