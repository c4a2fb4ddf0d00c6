"""Time and number of parameters as a function of the number of species."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.evaluator import Evaluator, store_frames
from benchmarks.findings import Findings, Panel, Series
from benchmarks.frames import random_types, sel_of, write_system
from benchmarks.graphs import own_graph, parameters, shared_graphs
from benchmarks.inference import checked, once, precision_of
from benchmarks.inputs import LABELS, Data, has, load, water_input
from benchmarks.plan import Plan
from benchmarks.programs import Program
from benchmarks.report import spread_of_ratio
from benchmarks.training import paused_trainings, timed_input
from benchmarks.turns import take_turns

# Elements in the order of the periodic table; only the number of species matters.
ELEMENTS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb"
).split()
COUNTS = (1, 2, 4, 7)
MANY = 70
_WARM_UP = 3
_BUDGET = 60.0


def with_species(data: Data, ntypes: int, place: Path) -> tuple[Data, list[int]]:
    """Return the same coordinates and labels with random types, and a sufficient `sel`."""
    rcut = water_input(data, {})["model"]["descriptor"]["rcut"]
    written, slots = [], []
    for k, system in enumerate((*data.training, data.validation)):
        arrays = {name: load(system, name) for name in ("coord", "box", *LABELS) if has(system, name)}
        types = random_types(arrays["coord"].shape[1] // 3, ntypes)
        written.append(write_system(place / f"data_{k}", ELEMENTS[:ntypes], types, arrays))
        slots.append(sel_of(arrays["coord"], arrays["box"], types, ntypes, rcut))
    return Data(tuple(written[:-1]), written[-1]), np.max(slots, axis=0).tolist()


def changes_of(ntypes: int, sel: list[int]) -> dict:
    """Return the differences from the water input."""
    return {"model.type_map": ELEMENTS[:ntypes], "model.descriptor.sel": sel}


def findings(plan: Plan) -> Findings:
    """Return a row for each program and number of species."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        systems = {n: with_species(plan.data, n, place / f"{n}-species") for n in (*COUNTS, MANY)}
        tables = {
            n: timed_input(data, changes_of(n, sel), plan.rounds, plan.steps) for n, (data, sel) in systems.items()
        }
        training = _training(plan, tables)
        evaluation, sizes = _evaluation(plan, tables, {n: data for n, (data, _) in systems.items()}, place)
    rows, trained, evaluated = [], [], []
    for program in plan.programs:
        trained.append(Series(f"{program.name}, training"))
        evaluated.append(Series(f"{program.name}, evaluation"))
        for n in (*COUNTS, MANY):
            cells = [_relative(training, program, n, trained[-1]), _relative(evaluation, program, n, evaluated[-1])]
            if cells != ["-", "-"]:
                size = str(sizes.get((program.name, n), "-"))
                rows.append([program.name, str(n), str(sum(systems[n][1])), *cells, size])
    header = ["program", "species", "sum of sel", "step / step of 1", "evaluation / evaluation of 1", "parameters"]
    panels = [Panel("species", "time / time of one species", lines, "x") for lines in (trained, evaluated)]
    return Findings(_note(plan), header, rows, panels)


def _relative(times: dict, program: Program, ntypes: int, line: Series) -> str:
    """Return the time relative to one species, and add it to a line of the figure."""
    if (program.name, ntypes) not in times:
        return "-"
    spread = spread_of_ratio(times[program.name, ntypes], times[program.name, COUNTS[0]])
    line.add(ntypes, spread)
    return spread.text()


def _training(plan: Plan, tables: dict[int, dict]) -> dict[tuple[str, int], np.ndarray]:
    """Return the seconds per step by program and number of species; all runs alternate."""
    runs = [(program, n) for n in COUNTS for program in plan.programs]
    with paused_trainings([(program, tables[n]) for program, n in runs], plan.threads[0]) as started:
        times = take_turns([run.advance for run in started], plan.rounds)
    return {(program.name, n): seconds for (program, n), seconds in zip(runs, times, strict=True)}


def _evaluation(plan: Plan, tables: dict[int, dict], data: dict[int, Data], place: Path):
    """Return seconds per evaluation and numbers of parameters, by program and number of species; all alternate."""
    sizes, measured = {}, {}
    with ExitStack() as stack:
        for n in (*COUNTS, MANY):
            frames = first_frame(data[n], n, place / f"{n}.npz")
            graphs = shared_graphs(plan.ours, tables[n], place / f"ours-{n}", max(plan.threads))
            pairs = [(plan.ours, graphs.native)]
            sizes[plan.ours.name, n] = parameters(plan.ours, graphs.portable)
            if plan.peer and n in COUNTS:
                pairs.append((plan.peer, graphs.portable))
                own = own_graph(plan.peer, tables[n], place / f"peer-{n}", max(plan.threads))
                sizes[plan.peer.name, n] = parameters(plan.ours, own)
            directory = place / f"run-{n}"
            evaluators = [
                stack.enter_context(Evaluator(program, graph, directory / program.package, plan.threads[0]))
                for program, graph in pairs
            ]
            if len(evaluators) > 1:
                checked(evaluators, frames, precision_of(tables[n]))
            for (program, _), evaluator in zip(pairs, evaluators, strict=True):
                evaluator.seconds(frames, _WARM_UP)
                measured[program.name, n] = partial(once, evaluator, frames)
        times = take_turns(list(measured.values()), 2 * plan.rounds, _BUDGET)
    return dict(zip(measured, times, strict=True)), sizes


def first_frame(data: Data, ntypes: int, path: Path) -> Path:
    """Store the first validation frame for an `Evaluator`; return the path."""
    coord, cells = load(data.validation, "coord")[:1], load(data.validation, "box")[:1]
    return store_frames(path, coord, cells, random_types(coord.shape[1] // 3, ntypes))


def _note(plan: Plan) -> str:
    threads = plan.threads[0]
    return (
        "The water input and frames, with types reassigned at random and an equal number of atoms of each type. `sel` "
        "is the largest number of neighbors of each type in the data. Times are relative to those of the same program "
        "with one species: ratios of medians (quartiles of the ratios of neighboring turns). All programs and numbers "
        f"of species alternate, with {threads} thread{'s' * (threads > 1)}. DeePMD-kit evaluates the graph that `dp "
        "freeze --portable` wrote from the same checkpoint; its results were compared with those of deepmd_tf before "
        "timing. Parameters are those in the frozen graph of each program, without statistics."
    )
