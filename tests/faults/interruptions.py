"""Runs that are killed, that fill the disk, or that may not write."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..kills import watched
from ..runs import Result, contents, dp, stored_state, write_data, write_input
from .outcomes import Section, answered, inside, message, run

STEPS = 4
EVERY_STEP = {"training.numb_steps": STEPS, "training.save_freq": 1, "training.disp_freq": 1}
LAST = f"model.ckpt-{STEPS}"


def _prepare(place: Path) -> Path:
    place.mkdir(parents=True)
    write_data(place)
    write_input(place, EVERY_STEP)
    return place


def _latest(place: Path) -> int:
    """Step of the last checkpoint that can be read, -1 without one."""
    from deepmd_tf.checkpoint.stored import StoredCheckpoint
    from deepmd_tf.errors import InputError

    try:
        return StoredCheckpoint(place).step
    except InputError:
        return -1


def _finish(reference: dict[str, bytes], curve: bytes) -> tuple[bool, Result]:
    """Go on in the current directory; whether the run ends as if nothing had been."""
    latest = _latest(Path())
    result = run("train", "input.json", *(("--restart", ".") if latest >= 0 else ()))
    same = result.status == 0 and stored_state(Path(LAST)) == reference and Path("lcurve.out").read_bytes() == curve
    return same, result


def _uninterrupted(place: Path) -> tuple[dict[str, bytes], bytes]:
    with inside(_prepare(place)):
        assert dp("train", "input.json").status == 0
        return stored_state(Path(LAST)), Path("lcurve.out").read_bytes()


def kills(place: Path, points: int) -> Section:
    """Kill a run of four steps before operations on files spread over the whole of it, and restart it."""
    section = Section("killed while it trains")
    section.header("killed before operation", "last checkpoint left", "restarted, ends as uninterrupted")
    reference, curve = _uninterrupted(place / "whole")
    with inside(_prepare(place / "counted")), watched(place / "counted") as counted:
        dp("train", "input.json")
    total = counted.count
    for fatal in sorted({1 + round(k * (total - 1) / max(points - 1, 1)) for k in range(points)}):
        here = _prepare(place / f"kill_{fatal}")
        with inside(here):
            with watched(here, fatal):
                dp("train", "input.json")
            left = _latest(Path())
            same, _ = _finish(reference, curve)
        section.case(
            f"{fatal} of {total}", same, f"step {left}" if left >= 0 else "none yet", "bit for bit" if same else "NO"
        )
        shutil.rmtree(here)
    section.summary = (
        f"{section.cases} kills over the {total} operations on files of a run of {STEPS} steps that saves after each; "
        "every operation from the fatal one on fails, clean-up included. Parameters, optimizer, position in the data "
        "and learning curve are compared bit by bit with those of an uninterrupted run."
    )
    return section


def _process(prepare: Callable[[], None] | None, *arguments: str, place: Path | None = None) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "deepmd_tf.cli", *arguments],
        preexec_fn=prepare,
        capture_output=True,
        text=True,
        timeout=600,
        cwd=place,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def full_disks(place: Path) -> Section:
    """Let files grow to a limit only; on a file system of its own where one may be mounted."""
    section = Section("no space left")
    section.header("where", "status", "message", "last checkpoint left", "restarted with space, ends as uninterrupted")
    reference, curve = _uninterrupted(place / "whole")
    for limit in (0, 100, 1000, 4000, 16000):
        here = _prepare(place / f"limit_{limit}")
        with inside(here):
            result = _process(lambda n=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)), "train", "input.json")
            _add_disk(section, f"files of at most {limit} bytes", result, reference, curve)
    for kilobytes in (16, 48, 96):
        here = place / f"tmpfs_{kilobytes}"
        here.mkdir()
        options = f"size={kilobytes}k"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", here], capture_output=True).returncode
        if mounted:
            continue
        try:
            source = _prepare(place / f"data_{kilobytes}")
            systems = {f"training.{s}_data.systems": [str(source / d) for d in names] for s, names in _SYSTEMS.items()}
            write_input(here, EVERY_STEP | systems)
            with inside(here):
                result = _process(None, "train", "input.json")
                subprocess.run(["mount", "-o", "remount,size=64m", here], check=True)
                _add_disk(section, f"tmpfs of {kilobytes} kB", result, reference, curve)
        finally:
            subprocess.run(["umount", here], check=True)
    section.summary = (
        f"{section.cases} runs with too little space: by a limit on the size of files, and on a tmpfs where one may be "
        "mounted."
    )
    return section


_SYSTEMS = {"training": ("data_0", "data_1"), "validation": ("data_2",)}


def _add_disk(section: Section, name: str, result: Result, reference: dict[str, bytes], curve: bytes) -> None:
    left = _latest(Path())
    same, _ = _finish(reference, curve)
    good = same and (answered(result) or result.status == 0)
    text = message(result) if result.status else "(it fitted)"
    section.case(name, good, result.status, text, f"step {left}" if left >= 0 else "none yet", "yes" if same else "NO")


@contextmanager
def _closed(path: Path) -> Iterator[None]:
    """Let nothing be written below a directory; root may write anywhere but on a file system that is read-only."""
    if os.geteuid():
        path.chmod(0o555)
        try:
            yield
        finally:
            path.chmod(0o755)
        return
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def closed_directories(place: Path) -> Section:
    """Let commands write where nothing can be written."""
    section = Section("directories that cannot be written")
    section.header("directory", "status", "message", "changed")
    cases = {
        "the current one": (["train", "input.json"], "."),
        "of the checkpoints": (["train", "elsewhere.json"], "saved"),
        "of the graph": (["freeze", "-c", "model.ckpt", "-o", "saved/graph.pb"], "saved"),
        "of the plot": (["plot-lcurve", "lcurve.out", "-o", "saved/lcurve.png"], "saved"),
    }
    here = _prepare(place)
    (here / "saved").mkdir()
    with inside(here):
        assert dp("train", "input.json").status == 0
        write_input(here, {"training.save_ckpt": "saved/model.ckpt"}, "elsewhere.json")
    for name, (arguments, closed) in cases.items():
        before = contents(here)
        with _closed(here / closed):
            result = _process(None, *arguments, place=here)
        same = contents(here) == before
        section.case(name, answered(result) and same, result.status, message(result, here), "no" if same else "YES")
    section.summary = f"{section.cases} commands whose results have no place to go: refused before any work."
    return section
