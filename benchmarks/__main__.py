"""Compare this program with DeePMD-kit 3.2.0 on the same input, the two taking turns in one run.

python -m benchmarks                                time of a training step and of an evaluation
python -m benchmarks learning --work out/learning   errors after the same training, three seeds
python -m benchmarks --data DIR --label NAME        on other data: systems data_*, the last for validation

Ratios above 1 mean that DeePMD-kit takes longer. Results go to benchmarks/results.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from benchmarks import inference, learning, programs, report, training
from benchmarks.inputs import CASES, EXAMPLE_DATA, Data

_KINDS = ("training", "inference", "learning")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    processors = len(os.sched_getaffinity(0))
    parser.add_argument("kind", nargs="*", metavar="KIND", help=f"of {', '.join(_KINDS)}; default the first two")
    parser.add_argument(
        "--data", type=Path, default=EXAMPLE_DATA, help="directory of systems; default the water example"
    )
    parser.add_argument("--label", help="names the data in the file of results")
    parser.add_argument(
        "--peer", metavar="PYTHON", help=f"of DeePMD-kit; default ${programs.PEER_VARIABLE} or .venv-peer"
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES, help="which models; default all")
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, processors}), help="default 1 and all")
    parser.add_argument("--rounds", type=int, default=12, help="how often the programs take turns; default 12")
    parser.add_argument("--steps", type=int, default=10, help="training steps in a turn; default 10")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="learning: default 1 2 3")
    parser.add_argument("--numb-steps", type=int, default=learning.STEPS, help=f"learning: default {learning.STEPS}")
    parser.add_argument(
        "--work", type=Path, default=Path("out/learning"), help="learning: where runs are kept and reused"
    )
    arguments = parser.parse_args()
    arguments.kind = arguments.kind or ["training", "inference"]
    unknown = set(arguments.kind) - set(_KINDS)
    if unknown:
        parser.error(f"unknown kind {', '.join(unknown)}; expected {', '.join(_KINDS)}")
    return arguments


def main() -> None:
    """Measure and publish."""
    # Ended by a signal, the programs that are measured end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse()
    other = programs.peer(arguments.peer)
    compared = [programs.ours(), *([other] if other else [])]
    data = Data.find(arguments.data)
    facts = [programs.machine(), ", ".join(program.version() for program in compared), f"data: {data.describe()}"]
    for kind in arguments.kind:
        module, rows, note = _measure(kind, compared, data, arguments)
        text = report.table(module.header(compared), rows)
        if other:
            name = f"{kind}-{arguments.label}" if arguments.label else kind
            report.publish(name, module.__doc__.strip().rstrip("."), facts, [note, text])
        else:
            print(text)


def _measure(kind: str, compared, data: Data, arguments):
    """The module, its rows and how to read them."""
    if kind == "learning":
        most = max(arguments.threads)
        rows = learning.rows(compared, data, arguments.seeds, arguments.numb_steps, arguments.work, most)
        note = (
            f"The input of `benchmarks/water.json` for {arguments.numb_steps} steps, the learning rate decaying over "
            "them; errors of the frozen graphs on all validation frames, each evaluated by its own program."
        )
        return learning, rows, note
    spread = "Ratios of medians (quartiles of the ratios of neighbouring turns); above 1, DeePMD-kit takes longer."
    if kind == "training":
        rows = training.rows(compared, data, arguments.cases, arguments.threads, arguments.rounds, arguments.steps)
        return training, rows, f"{spread} {arguments.rounds} turns of {arguments.steps} steps of each."
    rows = inference.rows(compared, data, arguments.cases, arguments.threads, 2 * arguments.rounds)
    return inference, rows, f"{spread} {2 * arguments.rounds} evaluations by each through its `DeepPot.eval`."


if __name__ == "__main__":
    main()
