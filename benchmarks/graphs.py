"""Frozen graphs to evaluate: one checkpoint for both programs, and a model trained by DeePMD-kit."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import Program, write_input

_ONE_STEP = {"training.numb_steps": 1, "training.save_freq": 1, "training.disp_freq": 1}
_COUNT = """
import sys
from deepmd_tf.export.summary import graph_summary
print(graph_summary(sys.argv[1])["parameters"])
"""


@dataclass(frozen=True)
class Graphs:
    """The same parameters in two forms.

    Attributes
    ----------
    native : Path
        Graph from `dp freeze` of deepmd_tf.
    portable : Path
        Graph from `dp freeze --portable`.
    """

    native: Path
    portable: Path


def one_step(table: dict) -> dict:
    """Return the input with one training step; the speed of an evaluation does not depend on the parameters."""
    training = {**table["training"], **{key.partition(".")[2]: value for key, value in _ONE_STEP.items()}}
    return {**table, "training": training}


def own_graph(program: Program, table: dict, directory: Path, threads: int) -> Path:
    """Train one step and freeze with the same program; return the graph."""
    write_input(directory, one_step(table))
    program.run("train", "--skip-neighbor-stat", "input.json", directory=directory, threads=threads)
    program.run("freeze", "-o", "graph.pb", directory=directory, threads=threads)
    return directory / "graph.pb"


def shared_graphs(program: Program, table: dict, directory: Path, threads: int) -> Graphs:
    """Train one step with deepmd_tf; return its native and its portable graph."""
    native = own_graph(program, table, directory, threads)
    program.run("freeze", "--portable", "-o", "portable.pb", directory=directory, threads=threads)
    return Graphs(native, directory / "portable.pb")


def parameters(program: Program, graph: Path) -> int:
    """Return the number of trained parameters of a graph: weights, biases, time steps, but no statistics."""
    done = subprocess.run(
        [str(program.python), "-c", _COUNT, str(graph)], capture_output=True, text=True, check=True, cwd=graph.parent
    )
    return int(done.stdout)
