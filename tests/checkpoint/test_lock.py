"""Two runs with the same checkpoints: the second is refused, and only while the first is there."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys

import pytest

from deepmd_tf.checkpoint.lock import only_run
from deepmd_tf.errors import InputError

HOLD = """import sys
from deepmd_tf.checkpoint.lock import only_run
with only_run(sys.argv[1]):
 print('held', flush=True)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that has the lock, until it is ended."""
    code = HOLD + " sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "model.ckpt")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_refused_and_told_who_is_first(tmp_path, other):
    with pytest.raises(InputError, match=rf"training\.save_ckpt: another run \(process {other.pid} on ") as caught:
        with only_run(tmp_path / "model.ckpt"):
            pass
    assert f"model.ckpt-* in {tmp_path}" in str(caught.value)
    with only_run(tmp_path / "other"):
        pass
    other.communicate()
    assert not any(tmp_path.iterdir())
    with only_run(tmp_path / "model.ckpt"):
        assert any(tmp_path.iterdir())
    assert not any(tmp_path.iterdir())


def test_a_lock_goes_with_a_process_that_is_killed(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / ".model.ckpt.lock").exists()
    with only_run(tmp_path / "model.ckpt"):
        pass
    assert not any(tmp_path.iterdir())


def test_it_is_given_up_when_the_run_fails(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), only_run(tmp_path / "model.ckpt"):
            raise KeyboardInterrupt
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_has_none(tmp_path, monkeypatch, number):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with only_run(tmp_path / "model.ckpt"), only_run(tmp_path / "model.ckpt"):
        pass
    with only_run(tmp_path / "no" / "model.ckpt"):
        pass


def test_a_file_that_the_first_run_removes_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """Between opening and locking: two runs would lock two files of one name."""
    real, files = fcntl.flock, []

    def flock(descriptor, operation):
        files.append(os.fstat(descriptor).st_ino)
        if len(files) == 1:
            (tmp_path / ".model.ckpt.lock").rename(tmp_path / "gone")
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with only_run(tmp_path / "model.ckpt"):
        assert len(files) == 2
        assert (tmp_path / ".model.ckpt.lock").stat().st_ino == files[1]
        assert re.fullmatch(rf"{os.getpid()} on \S+", (tmp_path / ".model.ckpt.lock").read_text())
