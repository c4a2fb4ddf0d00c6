"""Fraction of the processor's peak arithmetic rate that a training step reaches."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.findings import Findings, Panel, Series
from benchmarks.inference import precision_of
from benchmarks.inputs import CASES, natoms
from benchmarks.operations import training_step
from benchmarks.peak import MatrixProducts, PeakProgram
from benchmarks.plan import Plan
from benchmarks.report import spread
from benchmarks.training import paused_trainings, timed_input
from benchmarks.turns import take_turns

# The largest product of the water model's fitting net for 192 atoms, and one of a size for which libraries are tuned.
SHAPES = ((192, 1600, 240), (1024, 1024, 1024))


def one_of_each_precision(cases: Sequence[str]) -> list[str]:
    """Return the first case of each precision; the counted products are the same in all cases."""
    first = {}
    for case in cases:
        first.setdefault(CASES[case].get("model.fitting_net.precision", "float64"), case)
    return list(first.values())


def findings(plan: Plan) -> Findings:
    """Return a row for each case and number of threads."""
    rows = []
    drawn = [Series(program.name) for program in plan.programs]
    with tempfile.TemporaryDirectory() as directory:
        peak = PeakProgram(Path(directory))
        for case in one_of_each_precision(plan.cases):
            for count in plan.threads:
                reached, best, products = _measured(plan, peak, case, count)
                fractions = [_fraction(rates, best) for rates in reached]
                for series, fraction in zip(drawn, fractions, strict=True):
                    series.add(f"{case}, {count}", fraction)
                rows.append(
                    [
                        case,
                        str(count),
                        *(f"{np.median(rates):.1f}" for rates in reached),
                        f"{np.median(best):.1f}",
                        *(f"{np.median(rates):.1f}" for rates in products),
                        *(fraction.text() for fraction in fractions),
                        _fraction(reached[0], products[0]).text(),
                    ]
                )
                print("operations |", " | ".join(rows[-1]), flush=True)
    panels = [Panel("model, threads", "of a step's counted operations: fraction of the peak", drawn)]
    return Findings(_note(plan), _header(plan), rows, panels)


def _measured(plan: Plan, peak: PeakProgram, case: str, threads: int):
    """Return GFLOP/s in every turn, for the steps of the programs, the peak and the matrix products."""
    table = timed_input(plan.data, CASES[case], plan.rounds, plan.steps)
    table["training"]["training_data"]["batch_size"] = 1
    # All frames have the same size here; a batch is one frame.
    work = training_step(table["model"], natoms(plan.data.training[0])) * 1e-9
    precision, nprograms = precision_of(table), len(plan.programs)
    with (
        paused_trainings([(program, table) for program in plan.programs], threads) as runs,
        MatrixProducts(threads) as library,
    ):
        measurements = [run.advance for run in runs]
        measurements.append(partial(peak.gflops, threads, precision))
        measurements += [partial(library.gflops, shape, precision) for shape in SHAPES]
        library.gflops(SHAPES[0], precision)
        turns = take_turns(measurements, plan.rounds)
    return work / turns[:nprograms], turns[nprograms], turns[nprograms + 1 :]


def _fraction(rates: np.ndarray, of: np.ndarray):
    """Return the ratio of two rates, from neighboring turns."""
    return spread(rates / of)


def _note(plan: Plan) -> str:
    return (
        "GFLOP/s are the counted operations of a step divided by the time of the whole step, with the same count for "
        "both programs. The count includes six products of the forward size in each layer of the fitting net, nine "
        "for the contraction of the descriptor, and nothing else (see `benchmarks/operations.py`). The peak is the "
        "rate of fused multiply-adds in registers (`benchmarks/native/peak.cc`). The matrix products are TensorFlow's "
        "`MatMul`. All measurements alternate, with the same threads and precision. The table shows medians and "
        f"quartiles of {plan.rounds} turns."
    )


def _header(plan: Plan) -> list[str]:
    products = [f"MatMul {' x '.join(map(str, shape))}" for shape in SHAPES]
    names = [program.name for program in plan.programs]
    reached = [f"{name}: GFLOP/s" for name in names]
    return [
        "model",
        "threads",
        *reached,
        "FMA peak",
        *products,
        *(f"{n} / peak" for n in names),
        f"{names[0]} / first MatMul",
    ]
