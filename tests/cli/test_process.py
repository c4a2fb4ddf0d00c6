"""`dp` as a process: kills, interrupts, output, and commands that do not import TensorFlow."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from deepmd_tf import __version__
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.cli import COMMANDS

from ..runs import dp, stored_state, write_data, write_input

STEPS = 40
EVERY_STEP = {
    "training.numb_steps": STEPS,
    "training.save_freq": 1,
    "training.disp_freq": 1,
    "training.max_ckpt_keep": 3,
}


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "deepmd_tf.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_step(process: subprocess.Popen, place, step: int) -> None:
    """Wait until a process has saved `step` or has ended."""
    while process.poll() is None and not any((place / f"model.ckpt-{n}").exists() for n in range(step, STEPS + 1)):
        time.sleep(0.005)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    place = tmp_path_factory.mktemp("uninterrupted")
    write_data(place)
    write_input(place, EVERY_STEP)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert dp("train", "input.json").status == 0
    return place


def assert_same_run(place, reference):
    last = f"model.ckpt-{STEPS}"
    assert stored_state(place / last) == stored_state(reference / last)
    assert (place / "lcurve.out").read_bytes() == (reference / "lcurve.out").read_bytes()
    assert {path.name for path in place.iterdir()} == {path.name for path in reference.iterdir()}


def test_a_killed_and_an_interrupted_process_restart_to_the_same_numbers(uninterrupted, place):
    write_input(place, EVERY_STEP)
    killed = start("train", "input.json")
    wait_for_step(killed, place, 4)
    killed.kill()
    killed.communicate()
    first = StoredCheckpoint(place).step
    assert first >= 4

    interrupted = start("train", "input.json", "--restart", "model.ckpt")
    wait_for_step(interrupted, place, first + 4)
    interrupted.send_signal(signal.SIGINT)
    out, err = interrupted.communicate()
    assert interrupted.returncode == 0, err
    assert out == ""
    step = StoredCheckpoint(place).step
    assert step >= first + 4
    assert step == STEPS or f"step {step} of {STEPS}" in err

    assert dp("train", "input.json", "--restart", ".").status == 0
    assert_same_run(place, uninterrupted)
    assert_only_our_lines(err)


def assert_only_our_lines(err: str) -> None:
    """Check that there are only log lines with time and level and the table of the summary, and none of TensorFlow."""
    ours = re.compile(r"\d\d:\d\d:\d\d (INFO|WARNING) .*|Summary\s*|[┌│└].*")
    strange = [line for line in err.splitlines() if line and not ours.fullmatch(line)]
    assert not strange


@pytest.mark.slow
def test_a_process_killed_again_and_again_gets_there(uninterrupted, place):
    """Processes are killed while they load, in a step or in a save; the next process continues."""
    write_input(place, EVERY_STEP)
    chance = random.Random(1)
    reached, arguments = 0, ()
    for _ in range(8):
        process = start("train", "input.json", *arguments)
        wait_for_step(process, place, min(reached + 1, STEPS))
        time.sleep(chance.uniform(0, 0.15))
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        assert StoredCheckpoint(place).step >= reached
        reached = StoredCheckpoint(place).step
        arguments = ("--restart", "model.ckpt")
    assert dp("train", "input.json", "--restart", "model.ckpt").status == 0
    assert_same_run(place, uninterrupted)


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-h"],
        ["--version"],
        *([name, "-h"] for name in ("train", "test")),
        ["doc-train-input"],
        ["neighbor-stat", "-s", "data_0", "-r", "4", "-t", "O", "H"],
        ["plot-lcurve", "a.out"],
    ],
    ids=" ".join,
)
def test_light_commands_do_not_import_tensorflow(place, arguments):
    (place / "a.out").write_text("# step rmse_e_trn rmse_f_trn lr\n1 1 1 1\n2 1 1 1\n")
    code = (
        "import sys\n"
        "from deepmd_tf.cli import main\n"
        "try:\n"
        f"    status = main({arguments!r})\n"
        "except SystemExit as stop:\n"
        "    status = stop.code or 0\n"
        "sys.exit(status or ('tensorflow was imported' if 'tensorflow' in sys.modules else 0))\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


def test_training_imports_tensorflow_without_keras(place):
    write_input(place, {"training.numb_steps": 1})
    done = python(
        "import os, sys\n"
        "os.environ.pop('TF_USE_LEGACY_KERAS', None)\n"
        "from deepmd_tf.cli import main\n"
        "status = main(['train', 'input.json'])\n"
        "assert 'tensorflow' in sys.modules\n"
        "sys.exit(status or ', '.join({'keras', 'tf_keras', 'matplotlib'} & set(sys.modules)) or 0)\n"
    )
    assert done.returncode == 0, done.stderr


def test_installed_command(place):
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "dp"), "--version"], capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stdout) == (0, f"deepmd_tf {__version__}\n")


def test_bad_input_ends_a_process_with_status_2(place):
    process = start("train", "missing.json")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == "dp train: error: missing.json: no such file; give the path of a JSON or YAML input file\n"


def test_a_reader_that_closes_the_pipe_is_no_error(place):
    done = subprocess.run(
        f"{sys.executable} -m deepmd_tf.cli doc-train-input | head -n 1", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""


@pytest.mark.slow
def test_events_are_written_without_the_tensorboard_package(place):
    write_input(place, {"training.tensorboard": True, "training.numb_steps": 1})
    code = (
        "import sys\n"
        "sys.modules['tensorboard'] = None\n"
        "from deepmd_tf.cli import main\n"
        "sys.exit(main(['train', 'input.json']))\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert_only_our_lines(done.stderr)
    assert list((place / "log").glob("events.out.tfevents.*"))


def test_without_tensorflow_the_message_says_what_to_install(place):
    code = (
        "import sys\n"
        "sys.modules['tensorflow'] = None\n"
        "from deepmd_tf.cli import main\n"
        "sys.exit(main(['train', 'input.json']))\n"
    )
    done = python(code)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("dp train: error: ")
    assert "pip install tensorflow-cpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_are_all_listed():
    assert dp("-h").out.count("\n    ") >= len(COMMANDS)
