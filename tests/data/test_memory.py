"""How much memory data may take: every limit above the process counts, and all data and ranks share one budget."""

from __future__ import annotations

import pytest

from deepmd_tf.data import load_systems, memory
from deepmd_tf.data.memory import Memory, available

from .conftest import TYPE_MAP, write_system

MIB = 2**20
V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"
JOB = "system.slice/slurmstepd.scope/job_7"
STEP = f"{JOB}/step_0/user/task_0"
CASES = {
    "no groups": (None, {}, None),
    "no limits": (f"0::/{STEP}", {f"{V2}/{STEP}/memory.max": "max"}, None),
    "own": (f"0::/{STEP}", {f"{V2}/{STEP}/memory.max": 3 * MIB}, 3),
    "of the job": (f"0::/{STEP}", {f"{V2}/{STEP}/memory.max": "max", f"{V2}/{JOB}/memory.max": 5 * MIB}, 5),
    "the smallest": (f"0::/{STEP}", {f"{V2}/{STEP}/memory.max": 9 * MIB, f"{V2}/{JOB}/memory.max": 5 * MIB}, 5),
    "of another job": (f"0::/{STEP}", {f"{V2}/system.slice/slurmstepd.scope/job_8/memory.max": MIB}, None),
    "container": ("0::/", {f"{V2}/memory.max": 7 * MIB}, 7),
    "container whose group is not seen": (f"0::/../{JOB}", {f"{V2}/memory.max": 7 * MIB}, 7),
    "first version": (
        f"5:cpuset:/x\n4:cpuacct,memory:/slurm/uid_0/job_7\n0::/{STEP}",
        {
            f"{V1}/slurm/uid_0/memory.limit_in_bytes": 2**63 - 4096,
            f"{V1}/slurm/uid_0/job_7/memory.limit_in_bytes": 4 * MIB,
        },
        4,
    ),
    "both": (f"4:memory:/a\n0::/{STEP}", {f"{V2}/unified/{JOB}/memory.max": 2 * MIB}, 2),
    "nonsense": ("x\n\n0::", {f"{V2}/memory.max": "many"}, None),
}


@pytest.mark.parametrize(("groups", "files", "mib"), CASES.values(), ids=CASES)
def test_limits(tmp_path, groups, files, mib):
    for name, text in files.items() | ({("proc/self/cgroup", groups)} if groups else set()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    machine = available(tmp_path / "nothing")
    assert machine > 2**24
    assert available(tmp_path) == (machine if mib is None else mib * MIB)


def test_ranks_of_a_machine_share_a_quarter(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 4000)
    assert [Memory().keep(size) for size in (1001, 1000)] == [False, True]
    assert [Memory(sharing=4).keep(size) for size in (251, 250)] == [False, True]


def test_all_data_of_a_run_share_a_budget(tmp_path, monkeypatch):
    paths = [write_system(tmp_path / name, labels=[]) for name in ("a", "b")]
    size = sum(file.stat().st_size for file in paths[0].rglob("*.npy"))
    shared = Memory(size)
    kept = [load_systems([path], TYPE_MAP, memory=shared)[0] for path in paths]
    for system, in_memory in zip(kept, (True, False), strict=True):
        assert all(hasattr(array, "column") != in_memory for array in system._rows["coord"]._arrays)
