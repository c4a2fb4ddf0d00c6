"""Start-up time of training."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.findings import Findings, Panel, Series
from benchmarks.inputs import Data, water_input
from benchmarks.interleaved import PausedTraining
from benchmarks.plan import Plan
from benchmarks.programs import Program
from benchmarks.report import spread, spread_of_ratio
from benchmarks.turns import take_turns

COMMANDS = {
    "dp train input.json": (),
    "dp train --skip-neighbor-stat input.json": ("--skip-neighbor-stat",),
}
_MAX_ROUNDS = 5
_NEVER_SAVE = 1000


def first_step(program: Program, data: Data, options: tuple[str, ...], threads: int) -> float:
    """Return the seconds from the start of ``dp train`` to the line of its first step in the learning curve."""
    changes = {"training.disp_freq": 1, "training.numb_steps": _NEVER_SAVE, "training.save_freq": _NEVER_SAVE}
    table = water_input(data, {**changes, "learning_rate.decay_steps": _NEVER_SAVE // 10})
    with tempfile.TemporaryDirectory() as directory:
        begin = time.perf_counter()
        with PausedTraining(program, table, Path(directory), threads, options) as run:
            while run.last_step < 1:
                run.advance()
            return time.perf_counter() - begin


def findings(plan: Plan) -> Findings:
    """Return a row for each command."""
    threads, rounds = max(plan.threads), min(plan.rounds, _MAX_ROUNDS)
    rows, drawn = [], Series("DeePMD-kit / deepmd_tf")
    for command, options in COMMANDS.items():
        measurements = [partial(first_step, program, plan.data, options, threads) for program in plan.programs]
        if not rows:
            for measure in measurements:
                measure()  # fills the file cache
        times = take_turns(measurements, rounds)
        if plan.peer:
            faster = spread_of_ratio(times[1], times[0])
            drawn.add(command.replace("dp train ", "").replace(" input.json", ""), faster)
            rows.append([command, faster.text()])
        else:
            rows.append([command, spread(times[0]).text(1)])
        print("start-up |", " | ".join(rows[-1]), flush=True)
    note = (
        "Time from the start of the process to the first line of a step in `lcurve.out`, including imports, data, "
        f"statistics, graph and first step: {rounds} new processes of each program in turn, after a first one that is "
        f"not counted, pinned to {threads} processor{'s' * (threads > 1)}. The table shows the ratio of medians "
        "(quartiles)."
    )
    header = ["command", "time to the first step: DeePMD-kit / deepmd_tf" if plan.peer else "seconds"]
    return Findings(note, header, rows, [Panel("", "time to the first step", [drawn])] if plan.peer else [])
