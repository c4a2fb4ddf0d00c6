"""Time of an evaluation of energy, forces and virial."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.evaluator import Evaluator, store_frames
from benchmarks.findings import Findings, Panel, Series
from benchmarks.frames import repeat
from benchmarks.graphs import Graphs, own_graph, shared_graphs
from benchmarks.inputs import CASES, Data, load, load_types, water_input
from benchmarks.plan import Plan
from benchmarks.report import Spread, milliseconds, spread_of_ratio
from benchmarks.turns import take_turns

# In addition to the evaluation of the equality check.
_WARM_UP = 1
_BUDGET = 10.0
_REPETITIONS = (1, 2, 4)
# Two correct programs differ only by rounding. Beyond these limits one of them is wrong, and its time is meaningless.
LARGEST_DIFFERENCE = {"float64": 1e-10, "float32": 1e-3}


def frame_sets(data: Data, place: Path) -> dict[int, Path]:
    """Return frames by number of atoms: the first validation frame, repeated 1, 2 and 4 times along each vector."""
    coord, cells, types = (
        load(data.validation, "coord")[:1],
        load(data.validation, "box")[:1],
        load_types(data.validation),
    )
    stored = {}
    for count in _REPETITIONS:
        frame = repeat(coord, cells, types, (count, count, count))
        stored[len(frame[2])] = store_frames(place / f"repeated-{count}.npz", *frame)
    return stored


def difference(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    """Return the largest difference of energies, forces and virials, relative to the largest value of each."""
    return max(np.abs(first[key] - second[key]).max() / np.abs(second[key]).max() for key in second)


def checked(evaluators: list[Evaluator], frames: Path, precision: str) -> float:
    """Return `difference` of two evaluators; exit if they disagree. Both are warmed up afterwards."""
    found = difference(*(evaluator.results(frames) for evaluator in evaluators))
    if not found <= LARGEST_DIFFERENCE[precision]:
        raise SystemExit(
            f"{frames.name}: the programs disagree by {found:.1e} on the same parameters in {precision}, allowed is "
            f"{LARGEST_DIFFERENCE[precision]:.0e}; nothing is published"
        )
    return found


def once(evaluator: Evaluator, frames: Path) -> float:
    """Return the seconds of one evaluation."""
    return evaluator.seconds(frames)[0]


def precision_of(table: dict) -> str:
    """Return the precision of the nets of an input."""
    return table["model"]["fitting_net"].get("precision", "float64")


def findings(plan: Plan) -> Findings:
    """Return a row for each case, size and number of threads."""
    rows, drawn = [], {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        frames = frame_sets(plan.data, place)
        for case in plan.cases:
            table = water_input(plan.data, CASES[case])
            graphs = shared_graphs(plan.ours, table, place / f"{case}-ours", max(plan.threads))
            own = own_graph(plan.peer, table, place / f"{case}-own", max(plan.threads)) if plan.peer else None
            for count in plan.threads:
                label = f"{case}, {count} thread{'s' * (count > 1)}"
                drawn[label] = Series(label)
                for natoms, row, faster in _measured(plan, graphs, own, frames, count, precision_of(table), place):
                    rows.append([case, str(count), str(natoms), *row])
                    drawn[label].add(natoms, faster)
                    print("evaluation |", " | ".join(rows[-1]), flush=True)
    panels = [Panel("atoms", "time of an evaluation: DeePMD-kit / deepmd_tf", list(drawn.values()), "x")]
    return Findings(_note(plan), _header(plan), rows, panels if plan.peer else [])


def _measured(plan: Plan, graphs: Graphs, own: Path | None, frames: dict[int, Path], threads: int, precision, place):
    """Yield the number of atoms, the cells of the row and the ratio to draw."""
    with ExitStack() as stack:

        def start(program, graph, label) -> Evaluator:
            return stack.enter_context(Evaluator(program, graph, place / f"run-{label}", threads))

        ours = start(plan.ours, graphs.native, "ours")
        theirs = [start(plan.peer, graphs.portable, "shared"), start(plan.peer, own, "own")] if plan.peer else []
        for natoms, stored in frames.items():
            # The graph trained by DeePMD-kit is evaluated only for the smallest frame, where its extra cost is visible.
            evaluators = [ours, *theirs] if natoms == min(frames) else [ours, *theirs[:1]]
            apart = checked(evaluators[:2], stored, precision) if theirs else 0.0
            for evaluator in evaluators:
                evaluator.seconds(stored, _WARM_UP)
            times = take_turns([partial(once, e, stored) for e in evaluators], 2 * plan.rounds, _BUDGET)
            if theirs:
                faster = spread_of_ratio(times[1], times[0])
                on_own = spread_of_ratio(times[2], times[0]).text() if len(times) > 2 else "-"
                memory = f"{theirs[0].peak_memory / ours.peak_memory:.2f}"
                yield natoms, [faster.text(), on_own, memory, f"{apart:.0e}", str(times.shape[1])], faster
            else:
                memory = f"{ours.peak_memory / 1024:.0f}"
                yield natoms, [milliseconds(times[0]), memory, str(times.shape[1])], Spread(0, 0, 0)


def _note(plan: Plan) -> str:
    return (
        "Each program evaluates through its own `DeepPot.eval`, in a process of its own; the processes alternate. The "
        "table shows ratios of medians (quartiles of the ratios of neighboring turns). Above 1, DeePMD-kit takes more "
        "time or memory. The same parameters come from one checkpoint of deepmd_tf, by `dp freeze` for deepmd_tf and "
        "`dp freeze --portable` for DeePMD-kit. The difference is the largest of energy, forces and virial, each "
        f"relative to its largest value. It was checked before timing (limit {LARGEST_DIFFERENCE['float64']:.0e} in "
        f"float64, {LARGEST_DIFFERENCE['float32']:.0e} in float32). There are at most {2 * plan.rounds} turns, fewer "
        "for large frames. Memory is the maximum resident set of the process."
    )


def _header(plan: Plan) -> list[str]:
    if not plan.peer:
        return ["model", "threads", "atoms", "ms per evaluation", "peak memory (MiB)", "turns"]
    return [
        "model",
        "threads",
        "atoms",
        "time: DeePMD-kit / deepmd_tf, same parameters",
        "time: DeePMD-kit with its own graph / deepmd_tf",
        "peak memory: DeePMD-kit / deepmd_tf",
        "difference",
        "turns",
    ]
