"""Which processes train together, how many threads each takes, and which frames."""

from __future__ import annotations

import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from deepmd_tf.config import parse_config
from deepmd_tf.data import Sampler, load_systems
from deepmd_tf.data.share import share
from deepmd_tf.errors import InputError
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.train.ranks import Ranks, _Watch, launched, start_ranks, threads_of_rank
from deepmd_tf.train.schedule import make_schedule
from deepmd_tf.train.trainer import Trainer

from ..runs import INPUT, changed, write_data
from ..threaded import on_ranks

LAUNCHERS = {
    "none": ({}, 1),
    "mpich": ({"PMI_SIZE": "4", "PMI_RANK": "0"}, 4),
    "mpich alone": ({"PMI_SIZE": "1"}, 1),
    "intel": ({"PMI_SIZE": "4", "PMI_RANK": "2", "MPI_LOCALNRANKS": "4", "I_MPI_ROOT": "/opt"}, 4),
    "mvapich 2": ({"MV2_COMM_WORLD_SIZE": "4", "MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_LOCAL_RANK": "1"}, 4),
    "cray pals": ({"PMI_SIZE": "8", "PMI_RANK": "1", "PALS_RANKID": "1", "PALS_LOCAL_RANKID": "1"}, 8),
    "cray pals, of pmix": ({"PMIX_RANK": "1", "PALS_RANKID": "1"}, None),
    "jsrun": ({"JSM_NAMESPACE_SIZE": "6", "JSM_NAMESPACE_RANK": "0", "PMIX_RANK": "0"}, 6),
    "flux": ({"FLUX_JOB_SIZE": "4", "FLUX_TASK_RANK": "3", "FLUX_JOB_NNODES": "1"}, 4),
    "shell of flux": ({"FLUX_JOB_SIZE": "4", "FLUX_URI": "local:///run"}, 1),
    "open mpi": ({"OMPI_COMM_WORLD_SIZE": "8"}, 8),
    "open mpi in a step": (
        {"OMPI_COMM_WORLD_SIZE": "8", "PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"},
        8,
    ),
    "prte": ({"PMIX_RANK": "0"}, None),
    "srun": ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"}, 4),
    "srun, of pmix": ({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "PMIX_RANK": "3"}, 4),
    "salloc": ({"SLURM_NTASKS": "4"}, 1),
    "sbatch": ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, 1),
    "interactive step": ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, 1),
    "nonsense": ({"PMI_SIZE": "many"}, 1),
}


@pytest.mark.parametrize(("environment", "count"), LAUNCHERS.values(), ids=LAUNCHERS)
def test_launchers(environment, count):
    assert launched(environment) == count


@pytest.mark.parametrize("there", [True, False], ids=["mpi of another launcher", "no mpi"])
def test_a_launcher_that_does_not_say_how_many(monkeypatch, there):
    """The first process may be the only one; any other, which MPI does not see as such, is refused."""
    alone = SimpleNamespace(COMM_WORLD=SimpleNamespace(Get_size=lambda: 1), Get_library_version=lambda: "Some MPI 1.0")
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=alone) if there else None)
    assert type(start_ranks({"PMIX_RANK": "0"})) is Ranks
    reason = "sees 1 \\(Some MPI 1.0\\)" if there else "needs mpi4py"
    with pytest.raises(InputError, match=f"the launcher started more than one process, .*{reason}"):
        start_ranks({"PMIX_RANK": "1"})


def test_without_a_launcher_there_is_one_rank_and_mpi_is_not_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    ranks = start_ranks({})
    assert type(ranks) is Ranks
    assert (ranks.rank, ranks.size, ranks.leads, ranks.summary()) == (0, 1, True, [])
    assert ranks.gather("x") == ["x"]
    assert ranks.any(True) and not ranks.any(False)


@pytest.mark.parametrize(
    ("processors", "environment", "threads"),
    [
        ([[0, 1, 2, 3]] * 2, {}, 2),
        ([[0, 1, 2]] * 2, {}, 1),
        ([[0]] * 4, {}, 1),
        ([[0, 1], [2, 3]], {}, 2),
        ([[0, 1, 2, 3]] * 2, {"OMP_NUM_THREADS": "3"}, 3),
        ([[0, 1, 2, 3]] * 2, {"OMP_NUM_THREADS": "3", "TF_NUM_INTRAOP_THREADS": "1"}, 1),
        ([[0, 1, 2, 3]] * 2, {"OMP_NUM_THREADS": "", "DP_INTRA_OP_PARALLELISM_THREADS": "0"}, 2),
    ],
)
def test_threads(processors, environment, threads):
    assert [threads_of_rank(processors, rank, environment) for rank in range(len(processors))] == (
        [threads] * len(processors)
    )


def test_ranks_whose_parameters_differ_stop(monkeypatch):
    """An MPI library may add up in another order on another rank; nobody would notice the models drift apart."""

    def check(ranks, value):
        trainer = object.__new__(Trainer)
        trainer.step, trainer.ranks, trainer.parameters = 5, ranks, TrainableParameters()
        trainer.parameters("net/matrix", (2,), lambda name, shape: np.array([1.0, value]), "float64")
        trainer._check_that_ranks_agree()
        return True

    assert on_ranks(2, lambda ranks: check(ranks, 2.0)) == [True, True]
    with pytest.raises(InputError, match="step 5: parameters differ between ranks"):
        on_ranks(2, lambda ranks: check(ranks, 2.0 + ranks.rank * 1e-15))


def test_shares_are_the_batch_in_order_and_even(rng):
    for _ in range(50):
        parts = tuple((k, rng.integers(0, 9, rng.integers(1, 5))) for k in range(rng.integers(1, 6)))
        whole = [(k, frame) for k, frames in parts for frame in frames]
        size = int(rng.integers(1, len(whole) + 1))
        shares = [[(k, f) for k, frames in share(parts, r, size) for f in frames] for r in range(size)]
        assert [each for of_rank in shares for each in of_rank] == whole
        counts = [len(of_rank) for of_rank in shares]
        assert min(counts) >= 1 and max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("rule", "whole"), [("mixed:1", "mixed:3"), ("mixed:2", "mixed:6"), (1, 3), ([1, 1], [3, 3])])
def test_batches_of_three_ranks_are_one_three_times_as_large(tmp_path, rule, whole):
    write_data(tmp_path)
    systems = load_systems([str(tmp_path / "data_0"), str(tmp_path / "data_1")], ("O", "H"))
    of_ranks, alone = Sampler(systems, rule, seed=5, batches=3), Sampler(systems, whole, seed=5)
    for step in range(20):
        for (i, frames), (j, others) in zip(of_ranks.batch_at(step), alone.batch_at(step), strict=True):
            assert i == j
            np.testing.assert_array_equal(frames, others)


@pytest.mark.parametrize(("rule", "factor"), [("linear", 4.0), ("sqrt", 2.0), ("none", 1.0)])
@pytest.mark.parametrize("kind", ["exp", "cosine"])
def test_learning_rate_by_number_of_ranks(kind, rule, factor):
    keys = {"type": kind, "start_lr": 1e-3, "stop_lr": 1e-5, "scale_by_worker": rule}
    config = parse_config(changed(INPUT, {"learning_rate": keys})).learning_rate
    one, four = make_schedule(config, 10), make_schedule(config, 10, 4)
    assert [four(step) for step in range(11)] == pytest.approx([factor * one(step) for step in range(11)], rel=1e-12)


def test_a_call_that_does_not_come_back_is_noticed():
    lost = []
    watch = _Watch(0.2, lost.append)
    for _ in range(20):
        with watch:
            time.sleep(0.02)
    assert not lost
    with watch:
        deadline = time.monotonic() + 30
        while not lost and time.monotonic() < deadline:
            time.sleep(0.02)
    assert lost == [0.2]
    assert threading.current_thread().is_alive()
