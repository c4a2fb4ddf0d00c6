"""Time of an evaluation of energies, forces and virials."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.evaluator import Evaluator, store_frames
from benchmarks.inputs import CASES, Data, load, load_types, water_input
from benchmarks.programs import Program, write_input
from benchmarks.report import milliseconds, ratio

_WARM_UP = 2


def frame_sets(data: Data, place: Path) -> dict[str, Path]:
    """Frames to evaluate, by a description: one, several, and one of a larger box."""
    coord, cells = load(data.validation, "coord"), load(data.validation, "box")
    types = load_types(data.validation)
    natoms = len(types)
    shifts = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)]) @ cells[0].reshape(3, 3)
    large = (coord[0].reshape(1, natoms, 3) + shifts[:, None]).reshape(1, -1)
    return {
        f"1 frame, {natoms} atoms": store_frames(place / "one.npz", coord[:1], cells[:1], types),
        f"8 frames, {natoms} atoms": store_frames(place / "eight.npz", coord[:8], cells[:8], types),
        f"1 frame, {8 * natoms} atoms": store_frames(place / "large.npz", large, 2 * cells[:1], np.tile(types, 8)),
    }


def make_graph(program: Program, data: Data, case: str, directory: Path, threads: int) -> Path:
    """The graph that a program freezes after one step of training; its speed does not depend on the parameters."""
    changes = {**CASES[case], "training.numb_steps": 1, "training.save_freq": 1, "training.disp_freq": 1}
    write_input(directory, water_input(data, changes))
    program.run("train", "--skip-neighbor-stat", "input.json", directory=directory, threads=threads)
    program.run("freeze", "-o", "graph.pb", directory=directory, threads=threads)
    return directory / "graph.pb"


def measure(evaluators: list[Evaluator], frames: Path, rounds: int) -> list[list[float]]:
    """Seconds per evaluation of each program in each round, A B A B."""
    times: list[list[float]] = [[] for _ in evaluators]
    for evaluator in evaluators:
        evaluator.seconds(frames, _WARM_UP)
    for _ in range(rounds):
        for evaluator, seconds in zip(evaluators, times, strict=True):
            seconds += evaluator.seconds(frames)
    return times


def difference(evaluators: list[Evaluator], frames: Path) -> float:
    """Largest difference of two programs' energies and forces, relative to the largest of each."""
    first, second = (evaluator.results(frames) for evaluator in evaluators)
    return max(np.abs(first[key] - second[key]).max() / np.abs(second[key]).max() for key in ("energy", "force"))


def rows(programs: list[Program], data: Data, cases: list[str], threads: list[int], rounds: int) -> list[list[str]]:
    """A table row for each case, set of frames and number of threads; see `header`."""
    result = []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        frames = frame_sets(data, place)
        for case in cases:
            graphs = [make_graph(p, data, case, place / f"{case}-{k}", max(threads)) for k, p in enumerate(programs)]
            for count in threads:
                for row in _rows_of(programs, graphs, frames, place, count, rounds):
                    result.append([case, str(count), *row])
                    print("evaluation |", " | ".join(result[-1]), flush=True)
    return result


def _rows_of(programs, graphs, frames, place, threads: int, rounds: int):
    with ExitStack() as stack:
        # The second program evaluates the first's graph, which both know, and its own.
        plan = [(programs[0], graphs[0])]
        if len(programs) > 1:
            plan += [(programs[1], graphs[0]), (programs[1], graphs[1])]
        evaluators = [
            stack.enter_context(Evaluator(program, graph, place / f"run-{k}", threads))
            for k, (program, graph) in enumerate(plan)
        ]
        for description, stored in frames.items():
            times = measure(evaluators, stored, rounds)
            if len(programs) == 1:
                yield [description, milliseconds(times[0])]
            else:
                apart = f"{difference(evaluators[:2], stored):.0e}"
                yield [description, ratio(times[1], times[0]), ratio(times[2], times[0]), apart]


def header(programs: list[Program]) -> list[str]:
    """Column names of `rows`."""
    if len(programs) == 1:
        return ["model", "threads", "frames", "ms per evaluation"]
    return [
        "model",
        "threads",
        "frames",
        "DeePMD-kit on deepmd_tf's graph / deepmd_tf",
        "DeePMD-kit on its own graph / deepmd_tf",
        "difference on the same graph",
    ]
