"""Training on one rank and on two."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.findings import Findings
from benchmarks.inputs import CASES, water_input
from benchmarks.plan import Plan
from benchmarks.programs import environment, pin, tail, write_input
from benchmarks.report import Spread, spread_of_ratio
from benchmarks.turns import take_turns

_LAPS, _WARM_UP = 4, 1
_MAX_ROUNDS = 5
_BATCH = 2

RUNS = {
    "one rank": (1, _BATCH, False),
    "two ranks, the same batch in a step": (2, _BATCH, True),
    "two ranks, a batch each": (2, _BATCH, False),
}
"""Ranks, `batch_size` and `share_batch`."""


class Run:
    """Training runs from start to end, with one thread per rank.

    Attributes
    ----------
    communication : list of float
        Fraction of the time in communication and waiting, for each run, from its log.
    """

    def __init__(self, plan: Plan, name: str, directory: Path):
        self._ranks, batch, shared = RUNS[name]
        steps = plan.steps * (_LAPS + _WARM_UP)
        changes = {
            "training.numb_steps": steps,
            "training.disp_freq": plan.steps,
            "training.save_freq": steps,
            "training.training_data.batch_size": batch,
            "training.share_batch": shared,
            "learning_rate.decay_steps": max(1, steps // 10),
        }
        write_input(directory, water_input(plan.data, {**CASES["one side"], **changes}))
        launcher = [str(plan.ours.python.parent / "mpirun"), "-n", str(self._ranks)] if self._ranks > 1 else []
        self._command = [*launcher, *plan.ours.command("train", "--skip-neighbor-stat", "input.json")]
        self._directory, self.communication = directory, []

    def measure(self) -> float:
        """Train; return the seconds per step between lines of the learning curve after the first."""
        log = self._directory / "train.log"
        with log.open("w") as stream:
            done = subprocess.run(
                self._command,
                cwd=self._directory,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment(1),
                preexec_fn=pin(self._ranks),
                check=False,
            )
        text = log.read_text()
        rates = [float(rate) for rate in re.findall(r"([\d.]+) steps/s", text)]
        if done.returncode or len(rates) <= _WARM_UP:
            raise SystemExit(f"training on {self._ranks} ranks ended with {done.returncode}:\n{tail(log)}")
        efficiency = re.search(r"scaling efficiency\D*([\d.]+)%", text)
        self.communication.append(1 - float(efficiency[1]) / 100 if efficiency else 0.0)
        return 1 / float(np.median(rates[_WARM_UP:]))


def findings(plan: Plan) -> Findings:
    """Return a row for two ranks that share a batch, and one for two ranks with a batch each."""
    with tempfile.TemporaryDirectory() as place:
        runs = {name: Run(plan, name, Path(place) / str(k)) for k, name in enumerate(RUNS)}
        times = take_turns([run.measure for run in runs.values()], min(plan.rounds, _MAX_ROUNDS))
    rows = []
    for name, time in list(zip(runs, times, strict=True))[1:]:
        ranks, batch, shared = RUNS[name]
        frames = batch if shared else batch * ranks
        faster = spread_of_ratio(times[0], time)
        work = Spread(*(ranks * part if not shared else part for part in faster))
        share = np.median(runs[name].communication)
        rows.append([name, str(frames), work.text(), f"{work.middle / ranks:.0%}", f"{share:.1%}"])
        print("ranks |", " | ".join(rows[-1]), flush=True)
    header = ["run", "frames in a step", "frames per second / one rank's", "efficiency", "not computing"]
    return Findings(_note(plan), header, rows)


def _note(plan: Plan) -> str:
    return (
        f"The water model with one side, {_BATCH} frames of 192 atoms in the batch of a rank, one thread per rank and "
        "one processor per rank. Training runs alternate. Each is timed between lines of its learning curve, every "
        f"{plan.steps} steps, after the first line. The table shows ratios of medians (quartiles of the ratios of "
        "neighboring turns). The efficiency is this ratio divided by the number of ranks. The last column is the "
        "fraction of the time that ranks spend in communication or waiting for each other, as `dp train` reports it "
        "at its end. It includes compilation and the first step."
    )
