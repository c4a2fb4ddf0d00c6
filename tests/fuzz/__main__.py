"""Fuzz readers, guided by coverage (atheris): `python -m tests.fuzz [NAME ...] --runs N`.

Every reader runs in a process of its own; what it found is a row of a Markdown table. An input that crashes, hangs or
raises anything but `InputError` ends the run and is kept as `crash-*` in the current directory.
"""

from __future__ import annotations

import argparse
import os
import re
import site
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INSTRUMENTED = ["deepmd_tf", "yaml", "json"]
NOT_INSTRUMENTED = ["deepmd_tf.untrusted.hdf5_process"]  # a hanging library is no discovery to start others from
_SECONDS = 20  # that one input may take
_MEGABYTES = 4096


def find_by_path() -> None:
    """Let modules be found by their paths: atheris cannot instrument what an editable install finds for it."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import deepmd_tf

    for place in site.getsitepackages():  # the compiled parts
        deepmd_tf.__path__.append(f"{place}/deepmd_tf")
    import deepmd_tf.ops

    for place in site.getsitepackages():
        deepmd_tf.ops.__path__.append(f"{place}/deepmd_tf/ops")


def fuzz(name: str, runs: int, seconds: int) -> None:
    """Fuzz one reader in this process; does not return."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import logging

    import atheris
    import numpy  # noqa: F401  (before: it would be instrumented as a whole)

    with atheris.instrument_imports(include=INSTRUMENTED, exclude=NOT_INSTRUMENTED):
        find_by_path()
        from .targets import CORPUS, TARGETS, accepts
    logging.getLogger("deepmd_tf").setLevel(logging.CRITICAL)
    target = TARGETS[name]
    scratch = Path(tempfile.mkdtemp())
    corpus = CORPUS / (target.corpus or name)
    limits = [f"-runs={runs}", f"-max_total_time={seconds}", f"-timeout={_SECONDS}", f"-rss_limit_mb={_MEGABYTES}"]
    atheris.Setup(
        [sys.argv[0], *limits, "-max_len=65536", "-print_final_stats=1", str(scratch / "found"), str(corpus)],
        lambda data: accepts(target, data, scratch / "files"),
    )
    for folder in ("found", "files"):
        (scratch / folder).mkdir()
    atheris.Fuzz()


def main() -> int:
    """Fuzz the readers that are asked for, one after another; 1 when one of them has a defect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="readers, see targets.py; default all")
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs of each reader; default a million")
    parser.add_argument("--seconds", type=int, default=600, help="longest time for each reader; default 600")
    parser.add_argument("--here", action="store_true", help="in this process; for one reader")
    options = parser.parse_args()
    if options.here:
        fuzz(options.names[0], options.runs, options.seconds)  # imports the readers instrumented, so nothing before it
    from .targets import TARGETS, memory

    print("| reader | inputs | seconds | inputs a second | features | defects |\n|---|--:|--:|--:|--:|---|", flush=True)
    defects = 0
    for name in options.names or TARGETS:
        limits = ["--runs", str(options.runs), "--seconds", str(options.seconds)]
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(dir=memory(), prefix="deepmd_tf_fuzz_") as scratch:
            done = subprocess.run(
                [sys.executable, "-m", __spec__.name.removesuffix(".__main__"), name, "--here", *limits],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, "TMPDIR": scratch},
            )
        seconds = time.monotonic() - begin
        counts = re.findall(r"^#(\d+)\s.*?ft: (\d+)", done.stdout, re.MULTILINE)
        runs, features = counts[-1] if counts else (0, 0)
        finished = re.search(r"Done (\d+) runs in (\d+) second", done.stdout)
        if finished:
            runs, seconds = finished[1], max(int(finished[2]), 1)
        print(
            f"| {name} | {int(runs):,} | {seconds:.0f} | {int(runs) / seconds:,.0f} | {features} "
            f"| {'none' if done.returncode == 0 else f'status {done.returncode}'} |",
            flush=True,
        )
        if done.returncode:
            defects += 1
            print(done.stdout[-3000:], file=sys.stderr)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
