"""Validation errors of both programs after the same number of training steps, for several seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.evaluator import Evaluator, store_frames
from benchmarks.findings import Findings
from benchmarks.inputs import NETS, Data, load, load_types, water_input
from benchmarks.plan import Plan
from benchmarks.programs import Program, write_input

STEPS = 2000


def learning_input(data: Data, seed: int, steps: int) -> dict:
    """Return the water input with a learning rate that decays over `steps`, and all seeds set."""
    changes = {
        "training.numb_steps": steps,
        "training.save_freq": steps,
        "training.seed": seed,
        "learning_rate.decay_steps": max(1, steps // 200),
        **{f"model.{net}.seed": seed for net in NETS},
    }
    return water_input(data, changes, validate=True)


def trained(program: Program, table: dict, directory: Path, threads: int) -> Path:
    """Train in `directory` and return the graph; reuse a stored graph of the same input."""
    graph, stored = directory / "graph.pb", directory / "input.json"
    if graph.exists() and stored.exists() and json.loads(stored.read_text()) == table:
        print(f"{program.name}: reusing {directory.name}", flush=True)
        return graph
    graph.unlink(missing_ok=True)
    write_input(directory, table)
    program.run("train", "--skip-neighbor-stat", "input.json", directory=directory, threads=threads)
    program.run("freeze", "-o", "graph.pb", directory=directory, threads=threads)
    return graph


def errors(program: Program, graph: Path, data: Data, directory: Path, threads: int) -> tuple[float, float]:
    """Return the RMSE of the energy per atom (eV) and of the force (eV/Å) on all validation frames."""
    types = load_types(data.validation)
    coord, cells = load(data.validation, "coord"), load(data.validation, "box")
    frames = store_frames(directory / "validation.npz", coord, cells, types)
    with Evaluator(program, graph, directory, threads) as evaluator:
        results = evaluator.results(frames)
    energy = (results["energy"].ravel() - load(data.validation, "energy").ravel()) / len(types)
    force = results["force"].ravel() - load(data.validation, "force").ravel()
    return float(np.sqrt(np.mean(energy**2))), float(np.sqrt(np.mean(force**2)))


def findings(plan: Plan) -> Findings:
    """Return a row for each seed, and the mean."""
    found = np.empty((len(plan.seeds), len(plan.programs), 2))
    threads = max(plan.threads)
    for i, seed in enumerate(plan.seeds):
        for k, program in enumerate(plan.programs):
            directory = (plan.work / f"{program.package}-{seed}").absolute()
            graph = trained(program, learning_input(plan.data, seed, plan.numb_steps), directory, threads)
            found[i, k] = errors(program, graph, plan.data, directory, threads)
            print(f"seed {seed}: {program.name}: force {found[i, k, 1]:.4f} eV/Å", flush=True)
    named = [*map(str, plan.seeds), "mean"]
    rows = [_row(name, values) for name, values in zip(named, [*found, found.mean(axis=0)], strict=True)]
    note = (
        f"Both programs train with the input `benchmarks/water.json` for {plan.numb_steps} steps, over which the "
        "learning rate decays. The errors are those of the frozen graphs on all validation frames, each evaluated by "
        "its own program."
    )
    return Findings(note, _header(plan), rows)


def _row(name: str, values: np.ndarray) -> list[str]:
    cells = [name, *(f"{force:.4f}" for force in values[:, 1])]
    if len(values) > 1:
        cells.append(f"{values[0, 1] / values[1, 1]:.3f}")
    return cells + [f"{energy * 1e3:.2f}" for energy in values[:, 0]]


def _header(plan: Plan) -> list[str]:
    names = [program.name for program in plan.programs]
    ratio = [f"{names[0]} / {names[1]}"] if len(names) > 1 else []
    return [
        "seed",
        *(f"{n}: force RMSE (eV/Å)" for n in names),
        *ratio,
        *(f"{n}: energy RMSE (meV/atom)" for n in names),
    ]
