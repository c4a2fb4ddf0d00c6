"""Files appear whole, and what a killed process left half-written goes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.files import _HOST, atomic_write

_KILLED = """
import os, signal
from deepmd_tf import files
files.os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
files.atomic_write("a.json", "new")
"""


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_text_and_bytes(tmp_path):
    atomic_write(tmp_path / "a", "µ\n")
    atomic_write(tmp_path / "b", b"\0\1")
    assert (tmp_path / "a").read_bytes() == "µ\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\0\1"
    assert names(tmp_path) == {"a", "b"}


def test_mode_follows_the_umask(tmp_path):
    mask = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    atomic_write(tmp_path / "a.json", "old")
    done = subprocess.run([sys.executable, "-c", _KILLED], cwd=tmp_path)
    assert done.returncode == -9
    assert (tmp_path / "a.json").read_text() == "old"
    assert len(names(tmp_path)) == 2
    (tmp_path / ".b.json.other-1").touch()
    atomic_write(tmp_path / "a.json", "newer")
    assert names(tmp_path) == {"a.json", ".b.json.other-1"}


def test_what_another_process_is_writing_stays(tmp_path):
    atomic_write(tmp_path / "a", "x")
    left = f".a.{_HOST}-{os.getppid()}"
    (tmp_path / left).touch()
    atomic_write(tmp_path / "a", "y")
    assert names(tmp_path) == {"a", left}


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch, function):
    atomic_write(tmp_path / "a", "old")

    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(InputError, match=r"cannot write .*a: No space left on device"):
        atomic_write(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == {"a"}
