"""Speed of molecular dynamics in LAMMPS."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.findings import Findings, Panel, Series
from benchmarks.frames import counts_near, repeat
from benchmarks.graphs import own_graph, shared_graphs
from benchmarks.inputs import load, load_types, water_input
from benchmarks.lammps import Dynamics
from benchmarks.plan import Plan
from benchmarks.report import spread_of_ratio
from benchmarks.turns import take_turns

LARGE = 12288
"""Number of atoms in the simulation on two ranks."""

STEPS = {192: 100, LARGE: 10}
_MAX_ROUNDS = 5
_LARGEST_DIFFERENCE = 1e-10


def findings(plan: Plan) -> Findings:
    """Return a row for each comparison: of the programs, and of one rank with two."""
    base = (
        load(plan.data.validation, "coord")[:1],
        load(plan.data.validation, "box")[:1],
        load_types(plan.data.validation),
    )
    table = water_input(plan.data, {})
    rows, drawn = [], Series("DeePMD-kit / deepmd_tf")
    with tempfile.TemporaryDirectory() as name:
        place, threads = Path(name), max(plan.threads)
        ours = shared_graphs(plan.ours, table, place / "ours", threads)
        theirs = own_graph(plan.peer, table, place / "theirs", threads) if plan.peer else None
        for count in plan.threads:
            small = partial(Dynamics, frame=base, threads=count, ranks=1, steps=STEPS[192])
            runs = [small(plan.ours, ours.native, directory=place / "a")]
            if plan.peer:
                runs.append(small(plan.peer, ours.portable, directory=place / "b"))
                runs.append(small(plan.peer, theirs, directory=place / "c"))
            rows += _compare(plan, runs, count, len(base[2]), drawn)
        if max(plan.threads) > 1:
            rows.append(_scaling(plan, base, ours.native, place / "large"))
    header = ["atoms", "ranks x threads", "compared", "ratio of time a step", "share of the pair style"]
    panels = [Panel("threads", "time of a step: DeePMD-kit / deepmd_tf", [drawn])] if plan.peer else []
    return Findings(_note(), header, rows, panels)


def _compare(plan: Plan, runs: list[Dynamics], threads: int, natoms: int, drawn: Series) -> list[list[str]]:
    """Return the rows for one number of threads."""
    first = [run.measure() for run in runs]
    if plan.peer:
        apart = abs(first[1].energy - first[0].energy) / abs(first[0].energy)
        if not apart <= _LARGEST_DIFFERENCE:
            raise SystemExit(f"LAMMPS: energies of the two programs differ by {apart:.1e}; nothing is published")
    times = take_turns([lambda run=run: run.measure().step for run in runs], min(plan.rounds, _MAX_ROUNDS))
    share = f"{100 * first[0].pair:.1f} %"
    size = [str(natoms), f"1 x {threads}"]
    if not plan.peer:
        return [[*size, "-", f"{1e3 * np.median(times[0]):.2f} ms", share]]
    faster = [spread_of_ratio(times[k], times[0]) for k in (1, 2)]
    drawn.add(str(threads), faster[0])
    rows = [
        [*size, "DeePMD-kit / deepmd_tf, same parameters", faster[0].text(), share],
        [*size, "DeePMD-kit with its own graph / deepmd_tf", faster[1].text(), share],
    ]
    for row in rows:
        print("dynamics |", " | ".join(row), flush=True)
    return rows


def _scaling(plan: Plan, base, graph: Path, place: Path) -> list[str]:
    """Return the row that compares one rank with two."""
    large = repeat(*base, counts_near(len(base[2]), LARGE))
    natoms = len(large[2])
    runs = [
        Dynamics(plan.ours, graph, large, place / str(ranks), threads=1, ranks=ranks, steps=STEPS[LARGE])
        for ranks in (1, 2)
    ]
    share = f"{100 * runs[1].measure().pair:.1f} %"
    times = take_turns([lambda run=run: run.measure().step for run in runs], 3)
    row = [str(natoms), "1, 2 x 1", "one rank / two ranks", spread_of_ratio(times[0], times[1]).text(), share]
    print("dynamics |", " | ".join(row), flush=True)
    return row


def _note() -> str:
    return (
        "NVE dynamics of water with a time step of 0.5 fs, in the LAMMPS of each program's environment with its pair "
        "style. Neighbor lists are rebuilt every ten steps with a skin of 2 Å. The time is LAMMPS's loop time of "
        f"{STEPS[192]} steps ({STEPS[LARGE]} for the large box), after a warm-up of a tenth of them, at least ten. "
        "Simulations of both programs alternate, pinned to one processor per thread and rank. The table shows ratios "
        "of medians (quartiles of the ratios of neighboring turns). Before timing, the energies of the first step "
        f"were compared (limit {_LARGEST_DIFFERENCE:.0e}). The share of the pair style is from LAMMPS's timing "
        "breakdown of deepmd_tf."
    )
