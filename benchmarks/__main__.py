"""Compare deepmd_tf with DeePMD-kit 3.2.0 on the same input, alternating in one run.

python -m benchmarks                                all kinds but learning and collection, 192 atoms of water
python -m benchmarks training inference             only these kinds
python -m benchmarks scaling --largest 1000000      up to a million atoms
python -m benchmarks collection --systems 50000     start-up time on many small generated systems
python -m benchmarks learning --work out/learning   errors after the same training, three seeds
python -m benchmarks --data DIR --label NAME        other water data: systems data_*, the last for validation

Ratios above 1 mean that DeePMD-kit takes longer. Tables and figures are written to benchmarks/results.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import (
    collection,
    compression,
    dynamics,
    flops,
    inference,
    learning,
    programs,
    ranks,
    report,
    scaling,
    sharing,
    species,
    startup,
    training,
)
from benchmarks.figure import draw
from benchmarks.findings import Findings
from benchmarks.inputs import ATOMS, CASES, EXAMPLE_DATA, Data
from benchmarks.plan import Plan

KINDS = {
    "training": training,
    "inference": inference,
    "species": species,
    "startup": startup,
    "collection": collection,
    "scaling": scaling,
    "flops": flops,
    "compression": compression,
    "sharing": sharing,
    "dynamics": dynamics,
    "ranks": ranks,
    "learning": learning,
}
_DEFAULT = tuple(kind for kind in KINDS if kind not in ("collection", "learning"))


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    processors = len(os.sched_getaffinity(0))
    option = parser.add_argument
    option("kind", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}; default: all but learning and collection")
    option("--data", type=Path, default=EXAMPLE_DATA, help="directory of systems; default: the water example")
    option("--label", help="name of the data, used in the names of result files")
    option("--peer", metavar="PYTHON", help=f"Python of DeePMD-kit; default: ${programs.PEER_VARIABLE} or .venv-peer")
    option(
        "--results",
        type=Path,
        default=report.RESULTS,
        metavar="DIR",
        help="directory for tables and figures; default: benchmarks/results",
    )
    option("--cases", nargs="+", default=list(CASES), choices=CASES, help="models; default: all")
    option(
        "--threads",
        nargs="+",
        type=int,
        default=sorted({1, min(2, processors)}),
        help="numbers of threads; default: 1 2",
    )
    option("--rounds", type=int, default=10, help="number of turns of each program; default: 10")
    option("--steps", type=int, default=10, help="training steps per turn; default: 10")
    option("--largest", type=int, default=100_000, metavar="ATOMS", help="scaling: largest frame; default: 100000")
    option("--systems", type=int, default=2000, metavar="N", help="collection: number of systems; default: 2000")
    option("--seeds", nargs="+", type=int, default=[1, 2, 3], help="learning: seeds; default: 1 2 3")
    option(
        "--numb-steps",
        type=int,
        default=learning.STEPS,
        help=f"learning, compression: training steps; default: {learning.STEPS}",
    )
    option("--work", type=Path, default=Path("out/learning"), help="learning: directory of runs, which are reused")
    arguments = parser.parse_args()
    arguments.kind = arguments.kind or list(_DEFAULT)
    if unknown := set(arguments.kind) - set(KINDS):
        parser.error(f"unknown kind {', '.join(sorted(unknown))}; expected {', '.join(KINDS)}")
    if min(arguments.rounds, arguments.steps, arguments.systems, *arguments.threads) < 1:
        parser.error("--rounds, --steps, --systems and --threads: expected positive numbers")
    if max(arguments.threads) > processors:
        parser.error(f"--threads: this process may use {processors} processors, got {max(arguments.threads)}")
    return arguments


def make_plan(arguments: argparse.Namespace, data: Data) -> Plan:
    """Return the measurements that the command line requests."""
    peer = programs.peer(arguments.peer)
    return Plan(
        programs=(programs.ours(), *([peer] if peer else [])),
        data=data,
        cases=tuple(arguments.cases),
        threads=tuple(sorted(arguments.threads)),
        rounds=arguments.rounds,
        steps=arguments.steps,
        largest=arguments.largest,
        systems=arguments.systems,
        seeds=tuple(arguments.seeds),
        numb_steps=arguments.numb_steps,
        work=arguments.work,
    )


def main() -> None:
    """Run the measurements and publish the results."""
    # SIGTERM also ends the programs that are being measured.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse()
    given = Data.find(arguments.data)
    with tempfile.TemporaryDirectory() as place:
        plan = make_plan(arguments, given.enlarged(Path(place), ATOMS))
        versions = ", ".join(program.version() for program in plan.programs)
        for kind in arguments.kind:
            # Errors are measured on the original data, times on frames of one size.
            chosen = dataclasses.replace(plan, data=given) if kind == "learning" else plan
            facts = [programs.machine(), versions]
            if kind != "collection":
                facts.append(f"data: {chosen.data.describe()}")
            begin = time.perf_counter()
            found = KINDS[kind].findings(chosen)
            print(f"{kind}: measured in {(time.perf_counter() - begin) / 60:.1f} minutes", flush=True)
            _publish(kind, found, facts, arguments, alone=plan.peer is None)


def _publish(kind: str, found: Findings, facts: list[str], arguments: argparse.Namespace, alone: bool) -> None:
    """Print the table; store it with its figure if both programs were measured."""
    text = report.table(found.header, found.rows)
    if alone:
        print(text, flush=True)
        return
    name = f"{kind}-{arguments.label}" if arguments.label else kind
    parts = [found.note, text]
    if found.panels:
        draw(found.panels, arguments.results / f"{name}.svg")
        parts.append(f"![{kind}]({name}.svg)")
    title = KINDS[kind].__doc__.strip().rstrip(".")
    report.publish(arguments.results / f"{name}.md", title, facts, parts)


if __name__ == "__main__":
    main()
