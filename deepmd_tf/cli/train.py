"""Train the model of an input file (JSON or YAML).

Writes the learning curve (lcurve.out), checkpoints (model.ckpt-STEP, and model.ckpt-best with the lowest validation
error) and the input with all defaults (out.json). Ctrl-C, SIGTERM and SIGUSR1 save a checkpoint and end the run, which
--restart continues with the same numbers as a run without a break. Before the first step there is nothing to save.

example commands:
  dp train input.json
  dp train input.json --restart model.ckpt
  mpirun -n 4 dp train input.json            # on four processes, see docs/training.md
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from typing import TYPE_CHECKING

from rich.table import Table

from deepmd_tf.errors import Stopped
from deepmd_tf.train.callbacks import Beginning, Callback
from deepmd_tf.train.interruption import Interruption
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.report import CONSOLE, Reporter

if TYPE_CHECKING:
    from deepmd_tf.config import Config

log = logging.getLogger("deepmd_tf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("input", metavar="INPUT", help="input file; dp doc-train-input describes its keys")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--restart",
        "-r",
        metavar="CKPT",
        help="continue the run of this checkpoint; a prefix (model.ckpt) or a directory means its latest checkpoint",
    )
    start.add_argument(
        "--init-model", "-i", metavar="CKPT", help="start a new run with the parameters of this checkpoint"
    )
    start.add_argument(
        "--init-frz-model", "-f", metavar="PB", help="start a new run with the parameters of this frozen graph"
    )
    start.add_argument(
        "--finetune",
        "-t",
        metavar="PB|CKPT",
        help="start a new run with the parameters of this frozen graph or checkpoint, after fitting the energy per "
        "element to the new data",
    )
    parser.add_argument(
        "--output",
        "-o",
        default="out.json",
        metavar="FILE",
        help="write the input with all defaults to this file (default: out.json)",
    )
    parser.add_argument(
        "--skip-neighbor-stat",
        action="store_true",
        help="do not count the neighbors in all data to check sel (training still reports neighbors beyond sel)",
    )
    parser.add_argument(
        "--check-data",
        action="store_true",
        help="check every number of the training and validation data, list all problems, and do not train",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.train.gpus import use_one_gpu
    from deepmd_tf.train.ranks import start_ranks

    interruption = Interruption()
    # With --check-data, a signal has its default effect, so that an incomplete check does not end with status 0.
    handlers = contextlib.nullcontext() if arguments.check_data else interruption
    try:
        with handlers, start_ranks() as ranks:
            interruption.watch(ranks)
            if not ranks.leads:
                CONSOLE.quiet = True
                log.setLevel(logging.CRITICAL)
            use_one_gpu(ranks)
            _train(arguments, ranks, interruption)
    except Stopped as stopped:
        log.warning("%s", stopped)


def _train(arguments: argparse.Namespace, ranks: Ranks, interruption: Interruption) -> None:
    """Run the command on one rank."""
    from deepmd_tf.config import load_config
    from deepmd_tf.files import check_writable

    config = load_config(arguments.input)
    if arguments.check_data:
        return _check_data(arguments.input, config)

    from deepmd_tf.train.run import Run  # imports TensorFlow, which the checks do without

    if ranks.leads:
        check_writable(arguments.output, "--output")
    run = Run.prepare(
        config,
        restart=arguments.restart,
        init_model=arguments.init_model,
        init_frz_model=arguments.init_frz_model,
        finetune=arguments.finetune,
        skip_neighbor_stat=arguments.skip_neighbor_stat,
        ranks=ranks,
    )
    run.train([_WriteInput(arguments.output), Reporter()], interruption=interruption)


class _WriteInput(Callback):
    """Writes the complete input of a run to a file."""

    def __init__(self, path: str):
        self._path = path

    def on_begin(self, beginning: Beginning) -> None:
        """Write the file."""
        from deepmd_tf.config import config_to_dict
        from deepmd_tf.files import atomic_write

        atomic_write(self._path, json.dumps(config_to_dict(beginning.config, common=True), indent=2) + "\n")


def _check_data(source: str, config: Config) -> None:
    """Show the results of all checks of the data; raise `InputError` with every problem."""
    from deepmd_tf.errors import InputError
    from deepmd_tf.train.check_data import check_data

    findings = check_data(config)
    for purpose, rows in findings.tables.items():
        table = Table(title=f"{purpose} data", show_header=False, title_justify="left")
        for row in rows:
            table.add_row(*row)
        CONSOLE.print(table)
    if count := len(findings.problems):
        lines = "".join(f"\n  {line}" for line in findings.problems)
        raise InputError(f"{source}: the data have {count} problem{'s' * (count > 1)}{lines}")
    log.info("%s: no problems in the data", source)
