"""Processes that keep a graph loaded and evaluate frames on request."""

from __future__ import annotations

import json
import re
import resource
import subprocess
from pathlib import Path

import numpy as np

from benchmarks.programs import Program, environment, pin, tail

_WORKER = Path(__file__).parent / "workers" / "evaluate.py"


_OUT_OF_MEMORY = re.compile(r"bad_alloc|MemoryError|\bOOM\b|out of memory|cannot allocate", re.IGNORECASE)


class EvaluationEnded(SystemExit):
    """The process ended before it answered; the message contains the end of its output."""

    @property
    def out_of_memory(self) -> bool:
        """Return whether the process ended because it reached its memory limit."""
        return _OUT_OF_MEMORY.search(str(self)) is not None


class Evaluator:
    """``DeepPot`` of one program, in its own environment.

    Parameters
    ----------
    program : Program
        Program that provides `DeepPot`.
    graph : Path
        The frozen graph.
    directory : Path
        Directory for the exchange of arrays.
    threads : int
        Number of threads, and of processors that the process may use.
    memory : int, optional
        Limit on the memory of the process in bytes, which protects the machine.
    """

    def __init__(self, program: Program, graph: Path, directory: Path, threads: int, memory: int | None = None):
        directory.mkdir(parents=True, exist_ok=True)
        self._name, self._log = program.name, directory / "evaluate.log"
        self._output = directory / "results.npz"
        self.peak_memory = 0
        with self._log.open("w") as stream:
            self._process = subprocess.Popen(
                [str(program.python), str(_WORKER), program.api, str(graph)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={**environment(threads), "DP_INFER_BATCH_SIZE": "16384"},
                cwd=directory,
                preexec_fn=_limits(threads, memory),
                text=True,
            )

    def __enter__(self) -> Evaluator:
        """Return the evaluator."""
        return self

    def __exit__(self, *exception) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def seconds(self, frames: Path, repeat: int = 1) -> list[float]:
        """Return the times of `repeat` evaluations of the frames in a file (see `store_frames`)."""
        return self._ask({"frames": str(frames), "repeat": repeat, "output": None})

    def results(self, frames: Path) -> dict[str, np.ndarray]:
        """Return energy ``[nframes, 1]``, force ``[nframes, natoms, 3]`` and virial ``[nframes, 9]``."""
        self._ask({"frames": str(frames), "repeat": 1, "output": str(self._output)})
        with np.load(self._output) as results:
            return dict(results)

    def _ask(self, request: dict) -> list[float]:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise EvaluationEnded(f"{self._name}: evaluation ended:\n{tail(self._log)}")
        answer = json.loads(line)
        self.peak_memory = answer["peak_kib"]
        return answer["seconds"]


def _limits(threads: int, memory: int | None):
    """Return a function that limits processors and memory in the child process."""
    pinned = pin(threads)

    def limit() -> None:
        pinned()
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    return limit


def store_frames(path: Path, coord: np.ndarray, cells: np.ndarray, types: np.ndarray) -> Path:
    """Write frames for an `Evaluator`: coord ``[nframes, natoms * 3]`` and cells ``[nframes, 9]`` (Å), types."""
    np.savez(path, coord=coord, cells=cells, types=types)
    return path
