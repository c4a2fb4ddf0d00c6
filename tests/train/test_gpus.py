"""Each rank takes one GPU of its node; ranks that share one are counted by what the GPUs are, not by their numbers."""

from __future__ import annotations

import ctypes

import pytest
import tensorflow as tf

from deepmd_tf.train import gpus
from deepmd_tf.train.ranks import Ranks

from ..threaded import on_ranks


@pytest.fixture
def simulated(monkeypatch):
    """A function that simulates GPUs on a node, all processes seeing all; gives the list of those taken."""

    def arrange(count):
        taken = []
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [str(k) for k in range(count)])
        monkeypatch.setattr(tf.config, "set_visible_devices", lambda device, kind: taken.append(device))
        monkeypatch.setattr(gpus, "identity", "GPU {}".format)
        return taken

    return arrange


@pytest.mark.parametrize(
    ("count", "ranks", "taken", "message"),
    [
        (0, 2, [], None),
        (1, 2, ["0", "0"], "2 ranks share a GPU: "),
        (2, 2, ["0", "1"], None),
        (4, 2, ["0", "1"], None),
        (2, 3, ["0", "0", "1"], "2 ranks share a GPU: "),
        (2, 4, ["0", "0", "1", "1"], "4 ranks share 2 GPUs: "),
    ],
)
def test_each_rank_takes_one(simulated, logged, count, ranks, taken, message):
    found = simulated(count)
    on_ranks(ranks, gpus.use_one_gpu)
    assert sorted(found) == taken
    assert [line.startswith(message) for line in logged] == [True] if message else logged == []
    assert all("TF_FORCE_GPU_ALLOW_GROWTH" in line for line in logged)


def test_one_process_keeps_all(simulated):
    taken = simulated(2)
    gpus.use_one_gpu(Ranks())
    assert taken == []


def test_a_launcher_that_gives_each_rank_its_own_is_not_blamed(logged):
    """Each process calls its GPU 0, on one node as on two."""
    gpus.report_sharing(["uuid a", "uuid b", None, None])
    assert logged == []
    gpus.report_sharing(["uuid a", "uuid b", "uuid a", None])
    assert len(logged) == 1


class Driver:
    """The calls of CUDA's driver that tell a GPU."""

    def __init__(self, name: str = "cuDeviceGetUuid_v2", count: int = 2):
        self._count = count
        setattr(self, name, self._uuid)

    def cuInit(self, flags):
        return 0 if self._count else 100

    def cuDeviceGet(self, device, number):
        device._obj.value = 7 + number
        return 0 if number < self._count else 101

    def _uuid(self, uuid, device):
        uuid[:] = bytes([device.value]) * 16
        return 0


@pytest.mark.parametrize("name", ["cuDeviceGetUuid_v2", "cuDeviceGetUuid"])
def test_a_gpu_is_told_by_its_uuid(monkeypatch, name):
    monkeypatch.setattr(ctypes, "CDLL", lambda library: Driver(name))
    assert [gpus.identity(number) for number in range(3)] == ["07" * 16, "08" * 16, None]


def test_without_a_driver_or_gpus_nothing_is_told(monkeypatch):
    monkeypatch.setattr(gpus, "_DRIVER", "no such library")
    assert gpus.identity(0) is None
    for driver in (Driver(count=0), Driver(name="something_else")):
        monkeypatch.setattr(ctypes, "CDLL", lambda library, driver=driver: driver)
        assert gpus.identity(0) is None
