"""The two programs that are compared, deepmd_tf and DeePMD-kit, each run by its own command line."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEER_VARIABLE = "DEEPMD_PEER_PYTHON"
# The distribution of TensorFlow has one of several names.
_VERSIONS = """
import sys
from importlib.metadata import packages_distributions, version
print(version(sys.argv[1]), version(packages_distributions()["tensorflow"][0]))
"""


@dataclass(frozen=True)
class Program:
    """A program that trains and evaluates Deep Potential models.

    Attributes
    ----------
    name : str
        Name in tables.
    python : Path
        Interpreter of its environment.
    options : tuple of str
        Options for every command of its ``dp``.
    package, api : str
        Name of its distribution, and of the module with `DeepPot`.
    """

    name: str
    python: Path
    options: tuple[str, ...]
    package: str
    api: str

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of its ``dp``."""
        return [str(self.python.parent / "dp"), *self.options, *arguments]

    def run(self, *arguments: str, directory: Path, threads: int) -> None:
        """Run a command of its ``dp`` and wait for it; its messages are written to a file in the same directory."""
        log = directory / f"{arguments[0]}.log"
        with log.open("w") as stream:
            done = subprocess.run(
                self.command(*arguments),
                cwd=directory,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment(threads),
                preexec_fn=pin(threads),
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"{self.name}: dp {' '.join(arguments)} ended with {done.returncode}:\n{tail(log)}")

    def version(self) -> str:
        """Return its name with its version and the version of TensorFlow."""
        done = subprocess.run(
            [str(self.python), "-c", _VERSIONS, self.package], capture_output=True, text=True, check=True
        )
        return "{} {} (TensorFlow {})".format(self.name, *done.stdout.split())


def ours() -> Program:
    """Return deepmd_tf in the environment that runs the benchmark."""
    return Program("deepmd_tf", Path(sys.executable), (), "deepmd_tf", "deepmd_tf")


def peer(python: str | None) -> Program | None:
    """Return DeePMD-kit; if its environment does not exist, print this and return None."""
    path = Path(python or os.environ.get(PEER_VARIABLE) or ROOT / ".venv-peer" / "bin" / "python").absolute()
    if not path.exists():
        print(
            f"DeePMD-kit: SKIPPED, {path} does not exist; run `make bench` to install it, or set {PEER_VARIABLE}. "
            "Only deepmd_tf is measured and no results are written.\n"
        )
        return None
    return Program("DeePMD-kit", path, ("--tf",), "deepmd-kit", "deepmd.infer")


def environment(threads: int) -> dict[str, str]:
    """Return the variables of a measured process, with the number of threads in all that either program reads."""
    one_pool = {"TF_NUM_INTEROP_THREADS": "1", "DP_INTER_OP_PARALLELISM_THREADS": "1"}
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS")
    return {**os.environ, **one_pool, **dict.fromkeys(names, str(threads)), "TF_CPP_MIN_LOG_LEVEL": "3"}


def pin(threads: int):
    """Return a function that pins a child process to as many processors as threads."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


def write_input(directory: Path, table: dict) -> None:
    """Write ``input.json`` to a new or existing directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "input.json").write_text(json.dumps(table, indent=1))


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def machine() -> str:
    """Return the processor and the operating system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        entries = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        model = next((value.strip() for key, _, value in entries if key.strip() == "model name"), model)
    return f"{model}, {len(os.sched_getaffinity(0))} processors, {platform.system()} {platform.machine()}"
