"""DeePMD-kit in its own environment, used through its command line and its `DeepPot`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
VARIABLE = "DEEPMD_PEER_PYTHON"
FIELDS = ("energy", "force", "virial", "atom_energy", "atom_virial", "descriptor", "typeebd")


def peer_python() -> Path:
    """Return the path of the Python interpreter with DeePMD-kit; it may not exist."""
    return Path(os.environ.get(VARIABLE) or ROOT / ".venv-peer" / "bin" / "python")


def _environment() -> dict[str, str]:
    threads = {
        name: "1" for name in ("OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS")
    }
    return {**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"}


class Peer:
    """DeePMD-kit.

    Parameters
    ----------
    python : Path
        Interpreter of its environment.
    directory : Path
        Directory for the exchange of arrays.
    """

    def __init__(self, python: Path, directory: Path):
        self.bin = python.absolute().parent
        self._directory = directory
        self._worker: subprocess.Popen | None = None

    def run(self, program: str, *arguments: str, directory: Path) -> str:
        """Run a program of the environment and return its output; fail the test if the program fails."""
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(command, cwd=directory, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(
                f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done.stdout + done.stderr

    def train(self, directory: Path, table: dict[str, Any], *arguments: str) -> Path:
        """Train in `directory` with the input `table` and freeze; return the path of the graph."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "input.json").write_text(json.dumps(table, indent=1))
        self.run("dp", "--tf", "train", "--skip-neighbor-stat", *arguments, "input.json", directory=directory)
        self.run("dp", "--tf", "freeze", "-o", "graph.pb", directory=directory)
        return directory / "graph.pb"

    def evaluate(self, graph: Path, coord, cells, types, fparam=None, aparam=None) -> dict[str, np.ndarray]:
        """Return the outputs of DeePMD-kit's `DeepPot` by the names in `FIELDS`."""
        given = {"coord": coord, "cells": cells, "types": types, "fparam": fparam, "aparam": aparam}
        given["has_typeebd"] = b"t_typeebd" in graph.read_bytes()
        source, target = self._directory / "given.npz", self._directory / "results.npz"
        np.savez(source, **{name: value for name, value in given.items() if value is not None})
        request = {"graph": str(graph), "input": str(source), "output": str(target)}
        answer = self._ask(json.dumps(request))
        assert answer["error"] is None, answer["error"]
        with np.load(target) as results:
            return dict(results)

    def _ask(self, request: str) -> dict[str, Any]:
        if self._worker is None:
            self._log = (self._directory / "worker.log").open("w")
            self._worker = subprocess.Popen(
                [str(self.bin / "python"), str(Path(__file__).with_name("worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=_environment(),
                text=True,
            )
        self._worker.stdin.write(request + "\n")
        self._worker.stdin.flush()
        line = self._worker.stdout.readline()
        assert line, f"DeePMD-kit's process ended: {(self._directory / 'worker.log').read_text()[-4000:]}"
        return json.loads(line)

    def close(self) -> None:
        """End the worker process."""
        if self._worker is not None:
            self._worker.communicate()
            self._log.close()
            self._worker = None
