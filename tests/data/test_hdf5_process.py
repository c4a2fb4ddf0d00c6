"""Files on which the HDF5 library crashes or does not end are refused like others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from deepmd_tf.data import load_systems
from deepmd_tf.errors import InputError
from deepmd_tf.untrusted import hdf5_process
from deepmd_tf.untrusted.hdf5_process import HDF5Process

from ..mixed import write_hdf5
from .conftest import TYPE_MAP, write_system

ENDS = {
    "never": ("any(iter(int, 1))", "did not finish in 0.5 s"),
    "crash": ("os.kill(os.getpid(), signal.SIGSEGV)", r"crashed on it \(SIGSEGV\)"),
    "abort": ("print('{', flush=True, end=''); os.abort()", r"crashed on it \(SIGABRT\)"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "was killed, perhaps because it took too much memory"),
    "failed": ("raise ImportError('no h5py')", "ended with status 1: ImportError: no h5py"),
    "left": ("os._exit(3)", "ended with status 3$"),
    "all killed": ("os.kill(os.getppid(), signal.SIGKILL), os._exit(0)", "ended with status -9"),
}


@pytest.fixture
def process(monkeypatch):
    monkeypatch.setattr(hdf5_process, "PATIENCE", 0.5)
    result = HDF5Process()
    yield result
    result.end()


@pytest.mark.parametrize(("code", "words"), ENDS.values(), ids=ENDS)
def test_ends(tmp_path, monkeypatch, process, code, words):
    """A library that does this when it opens the file."""
    source = hdf5_process.LIBRARY.read_text()
    opens = "        found = os.stat(file)\n"
    assert source.count(opens) == 1
    (tmp_path / "library.py").write_text(source.replace(opens, f"        if 'bad' in file: {code}\n{opens}"))
    monkeypatch.setattr(hdf5_process, "LIBRARY", tmp_path / "library.py")
    path = write_hdf5(tmp_path / "good.h5", {"s": write_system(tmp_path / "s")})
    for _ in range(2):
        with pytest.raises(InputError, match=f"data.h5: .*{words}"):
            process.ask("data.h5", do="systems", file="bad.h5", group="", mark="type.raw")
        assert process.ask(path, do="systems", file=path, group="", mark="type.raw")[0] == {"groups": ["s"]}


def test_a_heap_of_strings_without_an_end(tmp_path, monkeypatch, process):
    """Objects as long as all addresses together: the library goes in circles, or has learnt to see it."""
    monkeypatch.setattr("deepmd_tf.data.hdf5.READER", process)
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")})
    content = bytearray((tmp_path / "data.h5").read_bytes())
    heap = content.find(b"GCOL")
    assert heap > 0
    content[heap + 24 : heap + 32] = (2**64 - 16).to_bytes(8, "little")
    (tmp_path / "data.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"data.h5#/s.*(damaged|cannot be read as HDF5)"):
        load_systems(path, TYPE_MAP)


def test_signals_to_all_processes_of_a_job_do_not_end_it(tmp_path, process):
    """A scheduler sends them to every process; training then saves, and may have rows to read."""
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")})
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        assert process.ask(path, do="group", file=path, group="s")[0]["sets"] == ["set.000", "set.001"]
        os.kill(process._process.pid, number)


def test_an_interrupted_request_is_not_taken_for_the_next(tmp_path, process, monkeypatch):
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")})

    def interrupted(line):
        process._process.stdin.write(line)
        process._process.stdin.flush()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process, "_exchange", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.ask(path, do="group", file=path, group="s")
    assert "groups" in process.ask(path, do="systems", file=path, group="", mark="type.raw")[0]


def test_it_ends_with_the_program(tmp_path):
    """Also with one that is killed."""
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")})
    code = f"""
import os, sys
from deepmd_tf.data import load_systems
from deepmd_tf.untrusted.hdf5_process import READER
load_systems({path!r}, {list(TYPE_MAP)!r})
print(READER._process.pid, flush=True)
os.kill(os.getpid(), int(sys.argv[1]))
"""
    for number in (signal.SIGKILL, 0):
        done = subprocess.run([sys.executable, "-c", code, str(number)], capture_output=True, text=True, timeout=120)
        assert done.returncode == -number, done.stderr
        deadline = time.monotonic() + 20
        while _runs(int(done.stdout)):
            assert time.monotonic() < deadline, "the process that reads HDF5 files outlives its program"
            time.sleep(0.05)


def _runs(pid):
    """Whether a process is there and not only waits to be buried."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
