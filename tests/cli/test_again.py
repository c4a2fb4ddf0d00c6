"""`dp train` where a run has been, or is: nothing of the first is lost."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil

import numpy as np
import pytest

from deepmd_tf.checkpoint.stored import StoredCheckpoint

from ..kills import watched
from ..runs import contents, dp, write_input
from .conftest import LONG
from .test_train import assert_same_run, train

OF_RUN = ("lcurve.out", "checkpoint", "model.ckpt-2", "model.ckpt-4", "model.ckpt-6", "model.ckpt-best")
OTHER = {"training.numb_steps": 2, "training.seed": 11}


def of_run(place):
    return {name: data for name, data in contents(place).items() if name.split("/")[0] in OF_RUN}


class TestEarlierRun:
    def test_a_forgotten_restart_costs_nothing(self, trained, finished):
        write_input(finished, LONG | OTHER)
        log = train().err
        assert of_run(finished / "model.ckpt-earlier-1") == of_run(trained)
        assert "to continue it instead: --restart model.ckpt-earlier-1/model.ckpt" in log
        assert np.genfromtxt("lcurve.out", names=True)["step"] == 2
        assert not (finished / "model.ckpt-4").exists()
        second = of_run(finished)

        write_input(finished, LONG)
        train("--restart", "model.ckpt-earlier-1/model.ckpt-4")
        assert_same_run(finished, trained)
        assert of_run(finished / "model.ckpt-earlier-2") == second
        assert not (finished / "model.ckpt-earlier-1").exists()

    def test_a_restart_moves_nothing(self, trained, finished):
        log = train("--restart", "model.ckpt-2").err
        assert "earlier" not in log
        assert not list(finished.glob("*earlier*"))
        assert_same_run(finished, trained)

    @pytest.mark.parametrize("option", ["--init-model", "--finetune"])
    def test_what_a_run_begins_with_may_be_of_the_earlier_one(self, trained, finished, option):
        write_input(finished, LONG | OTHER)
        log = train(option, "model.ckpt-4").err
        assert "parameters of model.ckpt-4" in log
        assert of_run(finished / "model.ckpt-earlier-1") == of_run(trained)
        assert StoredCheckpoint("model.ckpt").step == 2

    @pytest.mark.slow
    def test_a_kill_at_any_operation_leaves_either_run(self, trained, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        first = of_run(trained)
        for fatal in range(1, 46, 4):
            place = tmp_path / f"kill_{fatal}"
            shutil.copytree(trained, place)
            monkeypatch.chdir(place)
            write_input(place, LONG | OTHER)
            with watched(place, fatal):
                dp("train", "input.json")
            logging.getLogger("deepmd_tf").handlers.clear()
            if (place / "model.ckpt-earlier-1").exists() and not (place / "model.ckpt-6").exists():
                train()
                earlier = of_run(place / "model.ckpt-earlier-1")
                assert earlier == first, f"killed at {fatal}"
            else:
                write_input(place, LONG)
                train("--restart", "model.ckpt")
                assert_same_run(place, trained)
            shutil.rmtree(place)


class TestTwoAtOnce:
    @pytest.fixture
    def held(self, finished):
        """Another run has the lock on the checkpoints."""
        descriptor = os.open(finished / ".model.ckpt.lock", os.O_RDWR | os.O_CREAT)
        os.write(descriptor, b"77 on node3")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.close(descriptor)

    @pytest.mark.parametrize("option", [(), ("--restart", "model.ckpt"), ("--init-model", "model.ckpt")])
    def test_the_second_is_refused_and_changes_nothing(self, finished, held, option):
        before = contents(finished)
        message = train(*option, status=2).message
        assert "another run (process 77 on node3) is writing checkpoints model.ckpt-*" in message
        assert contents(finished) == before
        assert train("--check-data").status == 0

    def test_a_run_of_another_prefix_is_not(self, finished, held):
        write_input(finished, LONG | OTHER | {"training.save_ckpt": "other", "training.disp_file": "other.out"})
        train()
        assert not (finished / ".other.lock").exists()
