"""Time and memory of an evaluation as a function of the number of atoms."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.evaluator import EvaluationEnded, Evaluator, store_frames
from benchmarks.findings import Findings, Panel, Series
from benchmarks.frames import counts_near, repeat
from benchmarks.graphs import shared_graphs
from benchmarks.inference import once
from benchmarks.inputs import load, load_types, water_input
from benchmarks.plan import Plan
from benchmarks.report import Spread, spread_of_ratio
from benchmarks.turns import take_turns

REFERENCE = 1536
TARGETS = (192, REFERENCE, 12288, 98304, 1000000)
_BUDGET = 60.0
_WARM_UP = 2
# A repeated box has the energy per atom and the forces of the box; sums over many atoms differ by rounding.
_LARGEST_DIFFERENCE = 1e-10


def available_memory() -> int:
    """Return the bytes that a new process may use; the rest is left to the machine."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    available = next(int(words[1]) for words in lines if words[0] == "MemAvailable:")
    return available * 1024 * 9 // 10


def sizes(natoms: int, largest: int) -> dict[int, tuple[int, int, int]]:
    """Return repetitions of a cell of `natoms` atoms, by resulting number of atoms, up to about `largest`."""
    chosen = [counts_near(natoms, target) for target in TARGETS if target <= max(largest, REFERENCE)]
    return {natoms * int(np.prod(counts)): counts for counts in chosen}


def findings(plan: Plan) -> Findings:
    """Return a row for each number of atoms."""
    threads = max(plan.threads)
    base = (
        load(plan.data.validation, "coord")[:1],
        load(plan.data.validation, "box")[:1],
        load_types(plan.data.validation),
    )
    chosen = sizes(len(base[2]), plan.largest)
    reference = min(chosen, key=lambda natoms: abs(natoms - REFERENCE))
    rows, time, memory = [], Series("time of an atom"), Series("peak memory")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        graph = shared_graphs(plan.ours, water_input(plan.data, {}), place / "ours", threads).native
        one = store_frames(place / "one.npz", *base)
        fixed = store_frames(place / "reference.npz", *repeat(*base, chosen[reference]))
        with Evaluator(plan.ours, graph, place / "reference", threads) as against:
            expected = against.results(one)
            against.seconds(fixed, _WARM_UP)
            for natoms, counts in chosen.items():
                stored = store_frames(place / "frame.npz", *repeat(*base, counts))
                row, relative, peak = _row(plan, graph, stored, natoms, expected, (against, fixed, reference), place)
                rows.append([str(natoms), *row])
                if relative:
                    time.add(natoms, relative)
                    memory.add(natoms, Spread(peak / 1024, peak / 1024, peak / 1024))
                print("scaling |", " | ".join(rows[-1]), flush=True)
    header = [
        "atoms",
        f"time of an atom / with {reference} atoms",
        "peak memory (MiB)",
        "energy, forces: difference",
        "turns",
    ]
    panels = [
        Panel("atoms", f"time of an atom / with {reference} atoms", [time], "x"),
        Panel("atoms", "peak memory (MiB)", [memory], "xy"),
    ]
    return Findings(_note(threads), header, rows, panels)


def _row(plan, graph, stored, natoms: int, expected, reference, place) -> tuple[list[str], Spread | None, int]:
    """Measure one size in a process of its own; return its row, time over the reference and peak memory (KiB)."""
    against, fixed, fixed_natoms = reference
    limit = available_memory()
    try:
        with Evaluator(plan.ours, graph, place / "sized", max(plan.threads), limit) as evaluator:
            apart = _difference(evaluator.results(stored), expected)
            if not apart <= _LARGEST_DIFFERENCE:
                raise SystemExit(
                    f"{natoms} atoms: a repeated box differs from the box by {apart:.1e}; nothing is published"
                )
            turns = [partial(once, evaluator, stored), partial(once, against, fixed)]
            times = take_turns(turns, plan.rounds, _BUDGET)
            peak = evaluator.peak_memory
    except EvaluationEnded as ended:
        if not ended.out_of_memory:
            raise
        return [f"ended: needs more than {limit / 2**30:.1f} GiB", "-", "-", "-"], None, 0
    relative = spread_of_ratio(times[0] / natoms, times[1] / fixed_natoms)
    return [relative.text(), f"{peak / 1024:.0f}", f"{apart:.0e}", str(times.shape[1])], relative, peak


def _difference(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """Return the difference of energy per image and forces in all images from one box, relative to the largest."""
    force = expected["force"]
    images = found["force"].reshape(-1, *force.shape[1:])
    energy = found["energy"] / len(images) - expected["energy"]
    apart = np.abs(energy).max() / np.abs(expected["energy"]).max(), np.abs(images - force).max() / np.abs(force).max()
    return max(map(float, apart))


def _note(threads: int) -> str:
    return (
        "`DeepPot.eval` of deepmd_tf, for energy, forces and virial of one frame that repeats the box of water; "
        f"{threads} thread{'s' * (threads > 1)}. Each size has its own process, which alternates with the reference in "
        "another. Times are ratios of medians (quartiles of the ratios of neighboring turns). Before timing, the "
        "energy per image and the forces in all images were compared with those of one box. Memory is the maximum "
        "resident set of the process (`getrusage`), including the interpreter and TensorFlow."
    )
