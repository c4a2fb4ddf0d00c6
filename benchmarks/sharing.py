"""Cost of separate nets for each species compared with type embedding."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.findings import Findings, Panel, Series
from benchmarks.graphs import own_graph, parameters
from benchmarks.plan import Plan
from benchmarks.report import Spread, spread_of_ratio
from benchmarks.species import COUNTS, changes_of, with_species
from benchmarks.training import paused_trainings, timed_input
from benchmarks.turns import take_turns

FORMS = {"type embedding": {}, "nets by species": {"model.type_embedding": None}}


def findings(plan: Plan) -> Findings:
    """Return a row for each number of species and each form."""
    rows = []
    lines = {form: [Series(form), Series(form), Series(form)] for form in FORMS}
    threads = plan.threads[0]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tables, sizes = {}, {}
        for n in COUNTS:
            data, sel = with_species(plan.data, n, place / f"{n}-species")
            for form, changes in FORMS.items():
                changes = {**changes_of(n, sel), "model.descriptor.type_one_side": False, **changes}
                tables[n, form] = timed_input(data, changes, plan.rounds, plan.steps)
                graph = own_graph(
                    plan.ours, tables[n, form], place / f"{n}-{form.replace(' ', '-')}", max(plan.threads)
                )
                sizes[n, form] = parameters(plan.ours, graph)
        with paused_trainings([(plan.ours, table) for table in tables.values()], threads) as runs:
            times = dict(zip(tables, take_turns([run.advance for run in runs], plan.rounds), strict=True))
            memory = {key: run.peak_memory for key, run in zip(tables, runs, strict=True)}
    reference = (COUNTS[0], "type embedding")
    for n, form in tables:
        step = spread_of_ratio(times[n, form], times[reference])
        grown = memory[n, form] / memory[reference]
        rows.append([str(n), form, str(sizes[n, form]), step.text(), f"{grown:.2f}"])
        for line, point in zip(lines[form], (step, grown, sizes[n, form] / sizes[reference]), strict=True):
            line.add(n, point if isinstance(point, Spread) else Spread(point, point, point))
    header = ["species", "form", "parameters", "time of a step", "peak memory"]
    titles = ("time of a step", "peak memory", "parameters")
    panels = [
        Panel("species", f"{title} / that of one species", [lines[form][k] for form in FORMS])
        for k, title in enumerate(titles)
    ]
    return Findings(_note(threads), header, rows, panels)


def _note(threads: int) -> str:
    return (
        "Both forms are trained by deepmd_tf with two sides. With `model.type_embedding` there is one embedding net "
        "and one fitting net. Without it, each pair of species has an embedding net and each species a fitting net. "
        "The atoms are the same, with types reassigned at random as in `species`. Time and memory of training are "
        "relative to type embedding with one species. Times are ratios of medians (quartiles of the ratios of "
        f"neighboring turns); all runs alternate, with {threads} thread{'s' * (threads > 1)}."
    )
