"""`mpirun -n N dp train`: the run of one process to rounding, ended as a whole, continued on any number of ranks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from deepmd_tf.checkpoint.stored import StoredCheckpoint

from ..runs import dp, write_input

BIN = Path(sys.executable).parent
LONG = {"training.numb_steps": 6, "training.max_ckpt_keep": 10, "training.share_batch": True}
ENDLESS = LONG | {"training.numb_steps": 10**6, "training.save_freq": 1, "learning_rate.decay_steps": 1000}


def launch(*arguments: str, ranks: int = 2, **variables: str) -> subprocess.Popen:
    return subprocess.Popen(
        [BIN / "mpirun", "-n", str(ranks), BIN / "dp", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **variables},
    )


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Exit status and output; a run that hangs fails the test."""
    try:
        out, _ = process.communicate(timeout=600)
    finally:
        process.kill()
    return process.returncode, out


def pid_of(rank: int, launcher: subprocess.Popen) -> int:
    """Process of a rank that a launcher started."""

    def children(pid: int) -> list[int]:
        below = [int(p) for f in Path(f"/proc/{pid}/task").glob("*/children") for p in f.read_text().split()]
        return below + [each for child in below for each in children(child)]

    for pid in children(launcher.pid):
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"PMI_RANK={rank}".encode() in variables:
            return pid
    raise AssertionError(f"no process of rank {rank}")


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.02)


def assert_close(found: Path, expected: Path, tolerance: float = 1e-10) -> None:
    values, others = StoredCheckpoint(found).values(), StoredCheckpoint(expected).values()
    assert values.keys() == others.keys()
    for name, value in values.items():
        np.testing.assert_allclose(value, others[name], atol=tolerance * np.abs(value).max(), err_msg=name)


def test_two_ranks_that_share_batches_are_one_process(trained, place):
    """To rounding; then one process, and three, continue their checkpoint."""
    write_input(place, LONG | {"training.training_data.batch_size": "mixed:4", "training.save_freq": 3})
    status, log = ended(launch("train", "input.json"))
    assert status == 0, log
    assert "2 ranks share the 4 frames of a batch" in log
    assert log.count("training: data_0") == 1, "rank 0 alone speaks"
    assert all(word in log for word in ("2 on 1 node", "communication", "scaling efficiency"))
    two = place / "two"
    two.mkdir()
    for name in ("model.ckpt-6", "lcurve.out"):
        (place / name).rename(two / name)
    assert dp("train", "input.json", "--restart", "model.ckpt-3").status == 0
    assert_close(two / "model.ckpt-6", place / "model.ckpt-6")
    assert dp("train", "input.json").status == 0
    assert_close(two / "model.ckpt-6", place / "model.ckpt-6")
    assert (place / "lcurve.out").read_text() == (two / "lcurve.out").read_text()


@pytest.mark.slow
def test_half_batches_on_two_ranks_continued_by_three(place):
    whole = {"training.share_batch": False, "training.training_data.batch_size": "mixed:4", "training.save_freq": 3}
    half = {"training.training_data.batch_size": "mixed:2", "learning_rate.scale_by_worker": "none"}
    write_input(place, LONG | whole)
    assert dp("train", "input.json").status == 0
    for name in ("model.ckpt-6", "lcurve.out"):
        (place / name).rename(place / f"one-{name}")
    write_input(place, LONG | whole | half)
    status, log = ended(launch("train", "input.json"))
    assert status == 0, log
    assert "a step sees 4 frames" in log and "learning_rate.scale_by_worker none" in log
    assert_close(place / "model.ckpt-6", place / "one-model.ckpt-6")
    status, log = ended(launch("train", "input.json", "--restart", "model.ckpt-3", ranks=3))
    assert status == 0, log
    assert "a step sees 6 frames" in log
    assert np.genfromtxt("lcurve.out", names=True)["step"].tolist() == [2, 4, 6]


@pytest.mark.slow
def test_a_run_on_two_ranks_restarts_bit_by_bit(place):
    write_input(place, LONG | {"training.training_data.batch_size": "mixed:3", "training.save_freq": 3})
    assert ended(launch("train", "input.json"))[0] == 0
    first = {name: v.tobytes() for name, v in StoredCheckpoint(place / "model.ckpt-6").values().items()}
    curve = (place / "lcurve.out").read_bytes()
    assert ended(launch("train", "input.json", "--restart", "model.ckpt-3"))[0] == 0
    again = {name: v.tobytes() for name, v in StoredCheckpoint(place / "model.ckpt-6").values().items()}
    assert again == first
    assert (place / "lcurve.out").read_bytes() == curve


@pytest.mark.slow
def test_ranks_begin_alike_without_seeds(place):
    """They draw their parameters by chance, and then take those of rank 0; each line of the curve compares them."""
    parts = ("type_embedding", "descriptor", "fitting_net")
    write_input(place, LONG | {f"model.{part}.seed": None for part in parts} | {"training.seed": None})
    status, log = ended(launch("train", "input.json"))
    assert status == 0, log
    assert len(np.genfromtxt("lcurve.out", names=True)) == 3


@pytest.mark.slow
@pytest.mark.parametrize("keys", [{"training.share_batch": True}, {"model.descriptor.rcutt": 4.0}])
def test_an_error_that_all_ranks_have_is_said_once(place, keys):
    write_input(place, LONG | {"training.training_data.batch_size": 1} | keys)
    status, log = ended(launch("train", "input.json"))
    assert status == 2, log
    assert log.count("error: ") == 1
    assert "rank 0 of 2" in log


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_any_rank_saves_and_ends_all(place, number):
    write_input(place, ENDLESS)
    process = launch("train", "input.json")
    wait_for(place / "model.ckpt-2", process)
    os.kill(pid_of(1, process), number)
    status, log = ended(process)
    assert status == 0, log
    assert f"dp train INPUT --restart model.ckpt-{StoredCheckpoint(place).step}" in log


@pytest.mark.slow
def test_a_killed_rank_ends_the_job_and_leaves_a_checkpoint(place):
    write_input(place, ENDLESS)
    process = launch("train", "input.json")
    wait_for(place / "model.ckpt-2", process)
    os.kill(pid_of(1, process), signal.SIGKILL)
    status, log = ended(process)
    assert status != 0
    assert "BAD TERMINATION" in log
    reached = StoredCheckpoint(place).step
    assert reached >= 2
    write_input(place, ENDLESS | {"training.numb_steps": reached + 1})
    assert dp("train", "input.json", "--restart", "model.ckpt").status == 0


@pytest.mark.slow
def test_a_rank_that_stands_still_is_not_waited_for_for_ever(place):
    write_input(place, ENDLESS)
    process = launch("train", "input.json", DEEPMD_RANKS_PATIENCE="20")
    wait_for(place / "model.ckpt-2", process)
    os.kill(pid_of(1, process), signal.SIGSTOP)
    status, log = ended(process)
    assert status != 0
    assert "rank 0 of 2" in log and "no answer from the other ranks for 20 s" in log
    assert StoredCheckpoint(place).step >= 2


@pytest.mark.slow
def test_an_error_on_one_rank_ends_all_with_its_message(place):
    """Atoms coincide in a frame that the statistics do not see and that only some rank gets."""
    coord = np.load("data_0/set.000/coord.npy")
    coord[3, 3:6] = coord[3, :3]
    np.save("data_0/set.000/coord.npy", coord)
    training = {"systems": ["data_0"], "batch_size": 2}
    write_input(place, ENDLESS | {"training.training_data": training, "model.data_stat_nbatch": 1})
    status, log = ended(launch("train", "input.json", "--skip-neighbor-stat"))
    assert status == 2, log
    assert len(re.findall(r"error: after step [01]: data_0, frames \[", log)) == 1
    assert "of 2 on" in log and "are at the same position" in log


SIMULATED = """
import os, sys
import tensorflow as tf
from deepmd_tf.train import gpus
tf.config.list_physical_devices = lambda kind: ["a GPU"]
tf.config.set_visible_devices = lambda device, kind: None
gpus.identity = lambda number: os.environ["UUID"] or os.environ["PMI_RANK"]
from deepmd_tf.cli import main
sys.exit(main(["train", "input.json", "--check-data"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("uuid", "said"), [("one", 1), ("", 0)], ids=["one GPU", "a GPU each, called 0"])
def test_ranks_that_share_a_gpu_are_said_once(place, uuid, said):
    command = [BIN / "mpirun", "-n", "2", sys.executable, "-c", SIMULATED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "UUID": uuid})
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("2 ranks share a GPU: ") == said


def test_without_mpi4py_the_message_says_what_to_install(place):
    write_input(place, LONG)
    code = "import sys; sys.modules['mpi4py'] = None; from deepmd_tf.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "input.json"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMPI_COMM_WORLD_SIZE": "2"},
    )
    assert done.returncode == 2
    assert "the launcher started 2 processes" in done.stderr and "deepmd_tf[mpi]" in done.stderr


def test_a_launcher_of_another_mpi_is_refused(place):
    """Each process would otherwise train by itself and write over the other's files."""
    write_input(place, LONG)
    done = subprocess.run(
        [BIN / "dp", "train", "input.json"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMPI_COMM_WORLD_SIZE": "2"},
    )
    assert done.returncode == 2
    assert "started 2 processes, but the MPI library of mpi4py sees 1" in done.stderr
