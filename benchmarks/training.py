"""Time and memory of a training step."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.findings import Findings, Panel, Series
from benchmarks.inputs import CASES, Data, water_input
from benchmarks.interleaved import PausedTraining
from benchmarks.plan import Plan
from benchmarks.programs import Program
from benchmarks.report import milliseconds, spread_of_ratio
from benchmarks.turns import take_turns

_WARM_UP = 2


def timed_input(data: Data, changes: dict, rounds: int, steps: int) -> dict:
    """Return the water input, writing a line of the learning curve every `steps` steps and no other output."""
    numb_steps = steps * (rounds + _WARM_UP)
    timing = {
        "training.numb_steps": numb_steps,
        "training.disp_freq": steps,
        "training.save_freq": numb_steps,
        "learning_rate.decay_steps": max(1, numb_steps // 10),
    }
    return water_input(data, {**changes, **timing})


@contextmanager
def paused_trainings(runs: list[tuple[Program, dict]], threads: int):
    """Start training runs and stop them after their first lines, when start-up and compilation are complete."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = []
        for k, (program, table) in enumerate(runs):
            # One after another: a run is stopped soon after its start and does not train while others start.
            started.append(stack.enter_context(PausedTraining(program, table, place / str(k), threads)))
            for _ in range(_WARM_UP):
                started[-1].advance()
        yield started


def measure(plan: Plan, case: str, threads: int) -> tuple[np.ndarray, list[int]]:
    """Return the seconds per step ``[nprograms, rounds]`` and the peak memory of each program (KiB).

    The programs train with the same input and alternate, A B A B, with turns of `plan.steps` steps. Only one runs at
    any time.
    """
    table = timed_input(plan.data, CASES[case], plan.rounds, plan.steps)
    with paused_trainings([(program, table) for program in plan.programs], threads) as runs:
        times = take_turns([run.advance for run in runs], plan.rounds)
        return times, [run.peak_memory for run in runs]


def findings(plan: Plan) -> Findings:
    """Return a row for each case and number of threads."""
    rows, drawn = [], {count: Series(f"{count} thread{'s' * (count > 1)}") for count in plan.threads}
    for case in plan.cases:
        for count in plan.threads:
            times, memory = measure(plan, case, count)
            if plan.peer:
                faster = spread_of_ratio(times[1], times[0])
                drawn[count].add(case, faster)
                rows.append([case, str(count), faster.text(), f"{memory[1] / memory[0]:.2f}"])
            else:
                rows.append([case, str(count), milliseconds(times[0]), f"{memory[0] / 1024:.0f}"])
            print("training step |", " | ".join(rows[-1]), flush=True)
    note = (
        "The table shows ratios of medians (quartiles of the ratios of neighboring turns). Above 1, DeePMD-kit takes "
        f"more time or memory. Each program had {plan.rounds} turns of {plan.steps} steps. Memory is the maximum "
        "resident set of the process."
    )
    panels = [Panel("model", "time of a step: DeePMD-kit / deepmd_tf", list(drawn.values()))] if plan.peer else []
    return Findings(note, _header(plan), rows, panels)


def _header(plan: Plan) -> list[str]:
    if plan.peer:
        return ["model", "threads", "time: DeePMD-kit / deepmd_tf", "peak memory: DeePMD-kit / deepmd_tf"]
    return ["model", "threads", "ms per step", "peak memory (MiB)"]
