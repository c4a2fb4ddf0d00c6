"""Start-up time of training on very many small systems."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.findings import Findings
from benchmarks.inputs import Data, water_input
from benchmarks.interleaved import PausedTraining
from benchmarks.plan import Plan
from benchmarks.programs import Program
from benchmarks.report import spread, spread_of_ratio
from benchmarks.turns import take_turns

TYPE_MAP = ("C", "H", "N", "O")
RCUT = 4.5
_FRAMES = (1, 1, 2, 1, 3)  # frames of five consecutive systems: 1.6 on average
_SPACING = 2.2  # Å, between the lattice sites
_MAX_ROUNDS = 3
_NEVER_SAVE = 1000


def write_collection(place: Path, count: int, seed: int = 1) -> tuple[list[str], int]:
    """Write systems of 6 to 40 atoms of four species with 1 to 3 frames each; return paths and number of frames.

    Atoms are near the sites of a cubic lattice and labels are random; only the amount of data matters here.
    """
    rng = np.random.default_rng(seed)
    paths, nframes = [], 0
    for number in range(count):
        natoms, frames = int(rng.integers(6, 41)), _FRAMES[number % len(_FRAMES)]
        folder = place / f"{number // 1000:03d}" / f"system_{number:06d}" / "set.000"
        folder.mkdir(parents=True)
        side = int(np.ceil(natoms ** (1 / 3)))
        places = np.stack(np.unravel_index(rng.permutation(side**3)[:natoms], (side,) * 3), axis=1) * _SPACING
        coord = places + rng.normal(0, 0.1, (frames, natoms, 3))
        np.save(folder / "coord.npy", coord.reshape(frames, -1))
        np.save(folder / "box.npy", np.tile(side * _SPACING * np.eye(3).ravel(), (frames, 1)))
        np.save(folder / "energy.npy", rng.normal(-4.0 * natoms, 0.1, frames))
        np.save(folder / "force.npy", rng.normal(0, 0.5, (frames, 3 * natoms)))
        (folder.parent / "type.raw").write_text("\n".join(map(str, np.sort(rng.integers(0, 4, natoms)))) + "\n")
        (folder.parent / "type_map.raw").write_text("\n".join(TYPE_MAP) + "\n")
        paths.append(str(folder.parent))
        nframes += frames
    return paths, nframes


def collection_input(paths: list[str]) -> dict:
    """Return ``water.json`` for the four species of the collection."""
    changes = {
        "model.type_map": list(TYPE_MAP),
        "model.descriptor.sel": [48] * len(TYPE_MAP),
        "model.descriptor.rcut": RCUT,
        "training.training_data.systems": paths,
        "training.training_data.batch_size": 1,
        "training.disp_freq": 1,
        "training.numb_steps": _NEVER_SAVE,
        "training.save_freq": _NEVER_SAVE,
        "learning_rate.decay_steps": _NEVER_SAVE // 10,
    }
    return water_input(Data((), Path()), changes)


def first_step(program: Program, table: dict, threads: int) -> float:
    """Return the seconds from the start of ``dp train`` to the line of its first step in the learning curve."""
    with tempfile.TemporaryDirectory() as directory:
        begin = time.perf_counter()
        with PausedTraining(program, table, Path(directory), threads, ()) as run:
            while run.last_step < 1:
                run.advance()
            return time.perf_counter() - begin


def findings(plan: Plan) -> Findings:
    """Return a row for the collection."""
    threads, rounds = max(plan.threads), min(plan.rounds, _MAX_ROUNDS)
    with tempfile.TemporaryDirectory() as place:
        paths, nframes = write_collection(Path(place), plan.systems)
        table = collection_input(paths)
        measurements = [partial(first_step, program, table, threads) for program in plan.programs]
        measurements[0]()  # fills the file cache
        times = take_turns(measurements, rounds)
    what = f"{plan.systems} systems, {nframes} frames of 6 to 40 atoms"
    row = [what, spread_of_ratio(times[1], times[0]).text() if plan.peer else spread(times[0]).text(1)]
    print("collection |", " | ".join(row), "| seconds", np.round(times, 1).tolist(), flush=True)
    note = (
        f"Time from the start of `dp train input.json` to the first line of a step in `lcurve.out`: {rounds} new "
        f"process{'es' * (rounds > 1)} of each program in turn, after one of deepmd_tf that is not counted, pinned to "
        f"{threads} processor{'s' * (threads > 1)}. Every process recomputes statistics and neighbor counts. The table "
        "shows the ratio of medians (quartiles)."
    )
    header = ["data", "time to the first step: DeePMD-kit / deepmd_tf" if plan.peer else "seconds"]
    return Findings(note, header, [row])
