"""Time of a training step."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.inputs import CASES, Data, water_input
from benchmarks.interleaved import PausedTraining
from benchmarks.programs import Program
from benchmarks.report import milliseconds, ratio

_WARM_UP = 2


def measure(
    programs: list[Program], data: Data, case: str, threads: int, rounds: int, steps: int
) -> tuple[list[list[float]], list[int]]:
    """Seconds per step of each program in each round, and its peak memory (KiB).

    The programs train the same input at the same time, but only one runs at any moment: they take turns of `steps`
    steps each, A B A B. The first lines of each (start-up, compilation, first steps) are not counted.
    """
    numb_steps = steps * (rounds + _WARM_UP)
    changes = {
        **CASES[case],
        "training.numb_steps": numb_steps,
        "training.disp_freq": steps,
        "training.save_freq": numb_steps,
        "learning_rate.decay_steps": max(1, numb_steps // 10),
    }
    times: list[list[float]] = [[] for _ in programs]
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        table = water_input(data, changes)
        runs = [
            stack.enter_context(PausedTraining(program, table, place / str(k), threads))
            for k, program in enumerate(programs)
        ]
        for run in runs:
            for _ in range(_WARM_UP):
                run.advance()
        for _ in range(rounds):
            for run, seconds in zip(runs, times, strict=True):
                seconds.append(run.advance())
        return times, [run.peak_memory for run in runs]


def rows(
    programs: list[Program], data: Data, cases: list[str], threads: list[int], rounds: int, steps: int
) -> list[list[str]]:
    """A table row for each case and number of threads; see `header`."""
    result = []
    for case in cases:
        for count in threads:
            times, memory = measure(programs, data, case, count, rounds, steps)
            if len(programs) == 1:
                row = [case, str(count), milliseconds(times[0]), f"{memory[0] / 1024:.0f}"]
            else:
                row = [case, str(count), ratio(times[1], times[0]), f"{memory[1] / memory[0]:.2f}"]
            print("training step |", " | ".join(row), flush=True)
            result.append(row)
    return result


def header(programs: list[Program]) -> list[str]:
    """Column names of `rows`."""
    if len(programs) == 1:
        return ["model", "threads", "ms per step", "peak memory (MiB)"]
    return ["model", "threads", "time: DeePMD-kit / deepmd_tf", "peak memory: DeePMD-kit / deepmd_tf"]
