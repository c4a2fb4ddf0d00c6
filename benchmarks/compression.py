"""Compressed graphs: time, size and differences."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.evaluator import Evaluator, store_frames
from benchmarks.findings import Findings, Panel, Series
from benchmarks.graphs import own_graph
from benchmarks.inference import frame_sets, once
from benchmarks.inputs import Data, load, load_types, water_input
from benchmarks.learning import learning_input, trained
from benchmarks.plan import Plan
from benchmarks.programs import Program
from benchmarks.report import spread_of_ratio
from benchmarks.species import changes_of, first_frame, with_species
from benchmarks.turns import take_turns

SIDES = {"one side": True, "two sides": False}
SPECIES = (1, 7)
MANY = 20
_WARM_UP = 2
_BUDGET = 8.0
_SINGLE = ("--fitting-precision", "float32")


def compressed(program: Program, graph: Path, threads: int, *options: str, name: str = "compressed.pb") -> Path:
    """Compress a graph with ``dp compress`` of a program; return the new file, in the same directory."""
    program.run("compress", "-i", graph.name, "-o", name, *options, directory=graph.parent, threads=threads)
    return graph.parent / name


def _peers_graph(plan: Plan, place: Path, one_side: bool) -> Path:
    """Return a compressed graph of ``se_a_ebd_v2``, the most similar model that DeePMD-kit can compress."""
    changes = {"model.descriptor.type": "se_a_ebd_v2", "model.descriptor.type_one_side": one_side}
    graph = own_graph(plan.peer, water_input(plan.data, changes), place, max(plan.threads))
    return compressed(plan.peer, graph, max(plan.threads), "-t", "input.json")


def findings(plan: Plan) -> Findings:
    """Return rows of times (against DeePMD-kit and uncompressed graphs, with more species) and of file sizes."""
    rows, drawn = [], {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        frames = {n: path for n, path in frame_sets(plan.data, place).items() if n < 10_000}
        for side, one_side in SIDES.items():
            rows += _against_peer(plan, place / side.replace(" ", "-"), side, one_side, frames, drawn)
        for side, one_side in SIDES.items():
            rows += _species(plan, place / f"species-{one_side}", side, one_side)
        rows.append(_many(plan, place / "many"))
    panels = [Panel("atoms", "time: DeePMD-kit se_a_ebd_v2 compressed / ours", list(drawn.values()), "x")]
    return Findings(_note(plan), ["what", "threads", "result"], rows, panels)


def _against_peer(
    plan: Plan, place: Path, side: str, one_side: bool, frames: dict[int, Path], drawn
) -> list[list[str]]:
    table = learning_input(plan.data, 1, plan.numb_steps)
    table["model"]["descriptor"]["type_one_side"] = one_side
    native = trained(plan.ours, table, place / "ours", max(plan.threads))
    graphs = {
        "uncompressed": native,
        "compressed": compressed(plan.ours, native, max(plan.threads)),
        "compressed, fitting net in float32": compressed(
            plan.ours, native, max(plan.threads), *_SINGLE, name="single.pb"
        ),
    }
    rows = [[f"{side}: {what}", "-", text] for what, text in _differences(plan, graphs, place)]
    runs = [(plan.ours, graph) for graph in graphs.values()]
    if plan.peer:
        runs.append((plan.peer, _peers_graph(plan, place / "peer", one_side)))
    for threads in plan.threads:
        for natoms, stored in frames.items():
            times = _in_turns(plan, runs, [stored] * len(runs), place / f"run-{threads}-{natoms}", threads)
            what = f"{side}, {natoms} atoms"
            for label, ours in zip(list(graphs)[1:], times[1:3], strict=True):
                rows.append([f"{what}: uncompressed / {label}", str(threads), spread_of_ratio(times[0], ours).text()])
            for label, ours in zip(graphs, times[:3], strict=True) if plan.peer else ():
                faster = spread_of_ratio(times[3], ours)
                rows.append([f"{what}: DeePMD-kit se_a_ebd_v2 compressed / {label}", str(threads), faster.text()])
                line = f"{side}, {label}, {threads} thread{'s' * (threads > 1)}"
                drawn.setdefault(line, Series(line)).add(natoms, faster)
            print("\n".join(" | ".join(row) for row in rows[-5:]), flush=True)
    return rows


def _in_turns(
    plan: Plan, runs: list[tuple[Program, Path]], frames: list[Path], place: Path, threads: int
) -> np.ndarray:
    """Return the seconds of alternating evaluations, one series for each pair of run and frames."""
    with ExitStack() as stack:
        measured = []
        for k, ((program, graph), stored) in enumerate(zip(runs, frames, strict=True)):
            evaluator = stack.enter_context(Evaluator(program, graph, place / str(k), threads))
            evaluator.seconds(stored, _WARM_UP)
            measured.append(partial(once, evaluator, stored))
        return take_turns(measured, 2 * plan.rounds, _BUDGET)


def _differences(plan: Plan, graphs: dict[str, Path], place: Path):
    """Yield the sizes of the graphs and their largest differences from the first one on the validation frames."""
    coord, cells = load(plan.data.validation, "coord"), load(plan.data.validation, "box")
    types = load_types(plan.data.validation)
    stored = store_frames(place / "validation.npz", coord, cells, types)
    results = []
    for label, graph in graphs.items():
        with Evaluator(plan.ours, graph, place / "differences", max(plan.threads)) as evaluator:
            results.append(evaluator.results(stored))
        yield f"{label}, file", f"{graph.stat().st_size / 2**20:.1f} MiB"
    for label, result in list(zip(graphs, results, strict=True))[1:]:
        energy = np.abs(result["energy"] - results[0]["energy"]).max() / len(types)
        force = np.abs(result["force"] - results[0]["force"]).max()
        yield f"{label}, largest differences on {len(coord)} frames", f"{energy:.1e} eV/atom, {force:.1e} eV/Å"


def _species(plan: Plan, place: Path, side: str, one_side: bool) -> list[list[str]]:
    """Return the row that compares the same atoms with several species and with one."""
    runs, frames = [], []
    for n in SPECIES:
        graph, data = _graph_of_species(plan, place / str(n), n, one_side)
        runs.append((plan.ours, compressed(plan.ours, graph, max(plan.threads))))
        frames.append(first_frame(data, n, place / f"{n}.npz"))
    threads = plan.threads[0]
    times = _in_turns(plan, runs, frames, place / "run", threads)
    what = f"{side}, compressed: {SPECIES[1]} species / {SPECIES[0]}"
    row = [what, str(threads), spread_of_ratio(times[1], times[0]).text()]
    print(" | ".join(row), flush=True)
    return [row]


def _graph_of_species(plan: Plan, place: Path, ntypes: int, one_side: bool) -> tuple[Path, Data]:
    data, sel = with_species(plan.data, ntypes, place / "data")
    changes = {**changes_of(ntypes, sel), "model.descriptor.type_one_side": one_side}
    return own_graph(plan.ours, water_input(data, changes), place / "model", max(plan.threads)), data


def _many(plan: Plan, place: Path) -> list[str]:
    """Return a row of file sizes for a model with many species and two sides; check that it can be evaluated."""
    graph, data = _graph_of_species(plan, place, MANY, False)
    small = compressed(plan.ours, graph, max(plan.threads))
    with Evaluator(plan.ours, small, place / "run", max(plan.threads)) as evaluator:
        evaluator.results(first_frame(data, MANY, place / "frame.npz"))
    sizes = [f"{path.stat().st_size / 2**20:.1f} MiB" for path in (graph, small)]
    return [f"two sides, {MANY} species: file uncompressed, compressed", "-", ", ".join(sizes)]


def _note(plan: Plan) -> str:
    return (
        f"The model of deepmd_tf was trained for {plan.numb_steps} steps with type embedding, frozen (uncompressed: "
        "the native graph, in which the embedding is tabulated to rounding) and compressed with default options. "
        "DeePMD-kit cannot compress this model. The most similar model that it can compress, se_a_ebd_v2, was trained "
        "for one step with the same widths. Evaluations through `DeepPot.eval` of each program alternate. Times are "
        "ratios of medians (quartiles of the ratios of neighboring turns). Species: types are reassigned at random, "
        "as in `species`."
    )
