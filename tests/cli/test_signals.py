"""Signals before the first step: status 0, one message, no file changed, on any number of ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepmd_tf.train import measure, run

from ..runs import contents, dp
from .test_ranks import BIN, ended, pid_of


@pytest.fixture
def signalled(monkeypatch):
    """A function that raises a signal while a function of `run` or `measure` is called."""

    def arrange(name, number):
        module = run if hasattr(run, name) else measure
        function = getattr(module, name)

        def signal_first(*arguments, **options):
            signal.raise_signal(number)
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, signal_first)

    return arrange


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("when", ["check_outputs", "load_data", "survey", "fitting_statistics"])
def test_a_new_run_leaves_the_files_of_an_old_one(finished, signalled, when, number):
    before = contents(finished)
    signalled(when, number)
    result = dp("train", "input.json")
    assert result.status == 0
    assert f"{number.name} before the first step: there is nothing to save" in result.err.splitlines()[-1]
    assert contents(finished) == before
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_restart_leaves_the_checkpoint(finished, signalled):
    before = contents(finished)
    signalled("load_data", signal.SIGTERM)
    result = dp("train", "input.json", "--restart", "model.ckpt-2")
    assert (result.status, result.err.count("before the first step")) == (0, 1)
    assert contents(finished) == before


def test_checking_data_that_a_signal_ends_is_no_success(place):
    code = (
        "import os, signal\n"
        "from deepmd_tf.train import check_data\n"
        "check_data.load_systems = lambda *arguments: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from deepmd_tf.cli import main\n"
        "main(['train', 'input.json', '--check-data'])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=600).returncode == -signal.SIGTERM


STANDING = """
import os, sys, time
from pathlib import Path
from deepmd_tf.train import measure
survey = measure.survey
def stand(*arguments, **options):
    rank = os.environ["PMI_RANK"]
    Path(f"there-{rank}").touch()
    while rank == "0":
        time.sleep(1)
    return survey(*arguments, **options)
measure.survey = stand
from deepmd_tf.cli import main
sys.exit(main(["train", "input.json"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("signalled_ranks", [(0,), (1,), (0, 1)], ids=["that computes", "that waits", "all"])
def test_ranks_end_while_one_waits_for_another(place, signalled_ranks):
    process = subprocess.Popen(
        [BIN / "mpirun", "-n", "2", sys.executable, "-c", STANDING],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )
    while not (Path("there-0").exists() and Path("there-1").exists()) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(1)  # rank 1 gets to where it waits
    for rank in signalled_ranks:
        os.kill(pid_of(rank, process), signal.SIGTERM)
    status, log = ended(process)
    assert status == 0, log
    assert log.count("SIGTERM before the first step") == 1
    assert not any((place / name).exists() for name in ("out.json", "lcurve.out", "checkpoint"))
