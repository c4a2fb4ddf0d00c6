"""The two programs that are compared: this one and DeePMD-kit, each run by its own command line."""

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
# TensorFlow's distribution has one of several names.
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
        As tables say it.
    python : Path
        The interpreter of its environment.
    options : tuple of str
        Options that every command of its ``dp`` gets.
    package, api : str
        Its distribution, and the module that has `DeepPot`.
    """

    name: str
    python: Path
    options: tuple[str, ...]
    package: str
    api: str

    def command(self, *arguments: str) -> list[str]:
        """A command of its ``dp``."""
        return [str(self.python.parent / "dp"), *self.options, *arguments]

    def run(self, *arguments: str, directory: Path, threads: int) -> None:
        """Run a command of its ``dp`` to its end; what it says goes to a file beside its outputs."""
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
        """Its name with its version and TensorFlow's."""
        done = subprocess.run(
            [str(self.python), "-c", _VERSIONS, self.package], capture_output=True, text=True, check=True
        )
        return "{} {} (TensorFlow {})".format(self.name, *done.stdout.split())


def ours() -> Program:
    """Return this program, of the environment that runs the benchmark."""
    return Program("deepmd_tf", Path(sys.executable), (), "deepmd_tf", "deepmd_tf")


def peer(python: str | None) -> Program | None:
    """DeePMD-kit, or None, said aloud, when its environment is absent."""
    path = Path(python or os.environ.get(PEER_VARIABLE) or ROOT / ".venv-peer" / "bin" / "python").absolute()
    if not path.exists():
        print(
            f"DeePMD-kit: SKIPPED, {path} is absent; `make bench` installs it, or set {PEER_VARIABLE}. "
            "This program is measured alone and no results are written.\n"
        )
        return None
    return Program("DeePMD-kit", path, ("--tf",), "deepmd-kit", "deepmd.infer")


def environment(threads: int) -> dict[str, str]:
    """Variables of a measured process: one number of threads in every variable that either program reads."""
    one_pool = {"TF_NUM_INTEROP_THREADS": "1", "DP_INTER_OP_PARALLELISM_THREADS": "1"}
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS")
    return {**os.environ, **one_pool, **dict.fromkeys(names, str(threads)), "TF_CPP_MIN_LOG_LEVEL": "3"}


def pin(threads: int):
    """A function for the child process that leaves it as many processors as threads."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


def write_input(directory: Path, table: dict) -> None:
    """Write ``input.json`` into a new or existing directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "input.json").write_text(json.dumps(table, indent=1))


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def machine() -> str:
    """The processor and the operating system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        entries = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        model = next((value.strip() for key, _, value in entries if key.strip() == "model name"), model)
    return f"{model}, {len(os.sched_getaffinity(0))} processors, {platform.system()} {platform.machine()}"
