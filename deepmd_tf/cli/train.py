"""Train a model as an input file (JSON or YAML) describes.

Writes the learning curve (lcurve.out), checkpoints (model.ckpt-STEP, and model.ckpt-best by validation error) and the
complete input with all defaults (out.json). Ctrl-C, SIGTERM and SIGUSR1 save a checkpoint and end; --restart continues
from it with the same numbers as an uninterrupted run. Before the first step they end it and change no file.

  dp train input.json
  dp train input.json --restart model.ckpt
  mpirun -n 4 dp train input.json            on four processes; docs/training.md
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from pathlib import Path

import numpy as np
from rich.progress import Progress
from rich.table import Table

from deepmd_tf.errors import Stopped
from deepmd_tf.train.interruption import Interruption
from deepmd_tf.train.report import CONSOLE

log = logging.getLogger("deepmd_tf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("input", metavar="INPUT", help="the input file; `dp doc-train-input` explains its keys")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--restart",
        "-r",
        metavar="CKPT",
        help="continue the run of this checkpoint, prefix (model.ckpt: its latest) or directory",
    )
    start.add_argument(
        "--init-model", "-i", metavar="CKPT", help="begin a new run with the parameters of this checkpoint"
    )
    start.add_argument(
        "--init-frz-model", "-f", metavar="PB", help="begin a new run with the parameters of this frozen graph"
    )
    start.add_argument(
        "--finetune",
        "-t",
        metavar="PB|CKPT",
        help="begin a new run with the parameters of this frozen graph or checkpoint, and with energies per species "
        "that are fitted to the new data",
    )
    parser.add_argument(
        "--output",
        "-o",
        default="out.json",
        metavar="FILE",
        help="where the complete input is written; default out.json",
    )
    parser.add_argument(
        "--skip-neighbor-stat",
        action="store_true",
        help="do not compare sel with the neighbors in all the data first (training itself still reports overflow)",
    )
    parser.add_argument(
        "--check-data",
        action="store_true",
        help="check every number of the training and validation data, list all problems, and do not train",
    )


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from deepmd_tf.train.gpus import use_one_gpu
    from deepmd_tf.train.ranks import start_ranks

    interruption = Interruption()
    try:  # data are not said to be checked when that was cut short
        with contextlib.nullcontext() if arguments.check_data else interruption, start_ranks() as ranks:
            interruption.watch(ranks)
            if not ranks.leads:
                CONSOLE.quiet = True
                log.setLevel(logging.CRITICAL)
            use_one_gpu(ranks)
            _train(arguments, ranks, interruption)
    except Stopped as stopped:
        log.warning("%s", stopped)


def _train(arguments: argparse.Namespace, ranks, interruption: Interruption) -> None:
    """Carry out the command on one rank."""
    from deepmd_tf.config import load_config
    from deepmd_tf.files import check_writable
    from deepmd_tf.train import prepare
    from deepmd_tf.checkpoint.lock import only_run

    config = load_config(arguments.input)
    if arguments.check_data:
        return _check_data(arguments.input, config)
    if ranks.leads:
        check_writable(arguments.output, "--output")
        prepare.check_outputs(config)
    with only_run(config.training.save_ckpt) if ranks.leads else contextlib.nullcontext():
        _train_alone(config, arguments, ranks, interruption)


def _train_alone(config, arguments: argparse.Namespace, ranks, interruption: Interruption) -> None:
    """Prepare and train, where no other run writes to the same places."""
    from deepmd_tf.config import config_to_dict
    from deepmd_tf.files import atomic_write
    from deepmd_tf.train import prepare

    prepare.advise(config)
    stored = _stored(arguments)
    trainer = _prepare(config, stored, arguments, ranks)
    if arguments.restart:
        trainer.restore(stored)
        log.info("restarting from %s at step %d", stored.path, trainer.step)
    interruption.begin(ranks)
    if ranks.leads:
        atomic_write(arguments.output, json.dumps(config_to_dict(trainer.config, common=True), indent=2) + "\n")
    trainer.run(interruption)


def _check_data(source: str, config) -> None:
    """Show what all checks say of the data; raises `InputError` with every problem."""
    from deepmd_tf.errors import InputError
    from deepmd_tf.train.check_data import check_data

    findings = check_data(config, _counted)
    for purpose, rows in findings.tables.items():
        table = Table(title=f"{purpose} data", show_header=False, title_justify="left")
        for row in rows:
            table.add_row(*row)
        CONSOLE.print(table)
    if findings.problems:
        lines = "".join(f"\n  {line}" for line in findings.problems)
        raise InputError(f"{source}: the data have {_counted_word(len(findings.problems), 'problem')}{lines}")
    log.info("%s: no problems in the data", source)


def _counted_word(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _stored(arguments: argparse.Namespace):
    """The checkpoint that the run begins from, if it is one."""
    place = arguments.restart or arguments.init_model or arguments.finetune
    if place is None or (arguments.finetune and Path(place).is_file()):
        return None
    from deepmd_tf.checkpoint.stored import StoredCheckpoint

    return StoredCheckpoint(place)


def _prepare(config, stored, arguments: argparse.Namespace, ranks):
    """Data, statistics and parameters, from wherever the arguments say."""
    from deepmd_tf.statistics import ModelStatistics
    from deepmd_tf.train import prepare
    from deepmd_tf.train.notices import warn_of_oddities
    from deepmd_tf.train.trainer import Trainer
    from deepmd_tf.transfer.type_map import complete, for_types, report_parameters

    config = ranks.broadcast(prepare.resolve_seed(config, stored.config if arguments.restart else None))
    start = _start(stored, arguments)
    if start is not None:
        start = start if arguments.restart else for_types(start, config)
        config = start.adopt(config)
    training, validation = prepare.load_data(config, ranks.size, ranks.local_size)
    _show_data("training", training)
    if validation is not None:
        _show_data("validation", validation)
    if ranks.leads:
        both = {"training": training, "validation": validation}
        warn_of_oddities({name: source.systems for name, source in both.items() if source}, config.model.type_map)
    prepare.report_ranks(config, training, ranks)
    common = {"progress": _counted, "ranks": ranks}
    if start is None or start.species is not None:
        config, statistics, facts = prepare.measure(
            config, training, skip_neighbor_stat=arguments.skip_neighbor_stat, **common
        )
        if start is None:
            return Trainer(config, training, validation, statistics, facts=facts, ranks=ranks)
        start = ranks.broadcast(complete(start, config, statistics))
    elif not arguments.skip_neighbor_stat:
        prepare.check_sel(config, training, **common)
    trainer = Trainer(config, training, validation, ModelStatistics.blank(config.model), start=start, ranks=ranks)
    if not arguments.restart:
        report_parameters(start)
        new = () if start.species is None else start.species.new
        _fit_energies(trainer, training, range(len(config.model.type_map)) if arguments.finetune else new, ranks)
    return trainer


def _fit_energies(trainer, training, types, ranks) -> None:
    """Fit the energies of some types to the training data, but for those that the input gives."""
    from deepmd_tf.export.change_bias import BIAS
    from deepmd_tf.infer.change_bias import potential_of
    from deepmd_tf.infer.energy_bias import residuals, shift
    from deepmd_tf.train import prepare

    config, values = trainer.config, ranks.broadcast(trainer.parameters.values())
    given, type_map = config.model.fitting_net.atom_ener, config.model.type_map
    free = [k for k in types if not given or given[k] is None]
    if not free:
        return
    with potential_of(config, values) as potential:
        found = residuals(potential, training.systems, prepare.weights_of_rank(config, training, ranks))
    differences, compositions = map(np.concatenate, zip(*ranks.gather(found), strict=True))
    kept = [k for k in range(len(type_map)) if k not in free]
    by_type = ranks.broadcast(shift(differences, compositions, rcond=config.model.fitting_net.rcond, kept=kept))
    bias = values[BIAS] + by_type
    trainer.parameters.by_name[BIAS].assign(bias)
    for k in free:
        log.info("energy of %s: %.6f eV, fitted to the data (shifted by %.6f)", type_map[k], bias[k], by_type[k])


def _start(stored, arguments: argparse.Namespace):
    """Where parameters come from when not from chance."""
    from deepmd_tf.config.hybrid import members_of
    from deepmd_tf.transfer.start import Start

    if stored is not None:
        model = stored.config["model"]
        return Start(
            str(stored.path),
            tuple(model["type_map"]),
            tuple(tuple(member["sel"]) for member in members_of(model)),
            stored.values(),
            stored.data,
            model,
        )
    if graph := arguments.init_frz_model or arguments.finetune:
        from deepmd_tf.export.start import start_from_graph

        return start_from_graph(graph)
    return None


@contextlib.contextmanager
def _counted(frames: int):
    """Show a progress bar over `frames` frames; gives the function that advances it."""
    with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as progress:
        task = progress.add_task("looking at frames", total=frames)
        yield lambda count: progress.advance(task, count)


_MAX_SYSTEMS = 20


def _show_data(purpose: str, source) -> None:
    """Log one line per system, of many the first few and what they are together."""
    from deepmd_tf.data import summary

    shown = slice(_MAX_SYSTEMS if len(source.systems) > _MAX_SYSTEMS + 1 else None)
    sampler = source.sampler
    for row in summary(source.systems[shown], sampler.batch_sizes[shown], sampler.probabilities[shown]):
        log.info(
            "%s: %s  %s%d atoms  %d frames  batch %d  probability %.3g  %s  %s",
            purpose,
            row.path,
            "up to " if row.mixed else "",
            row.natoms,
            row.nframes,
            row.batch_size,
            row.probability,
            "periodic" if row.periodic else "open",
            " ".join(row.labels),
        )
    hidden = source.systems[len(source.systems[shown]) :]
    if hidden:
        fewest, most = zip(*(system.size_range for system in source.systems), strict=True)
        log.info(
            "%s: and %d more systems; %d frames of %d to %d atoms in all",
            *(purpose, len(hidden), source.nframes, min(fewest), max(most)),
        )
    if sampler.draws_per_batch > 1:
        log.info("%s: batches of %d frames of all systems", purpose, sampler.draws_per_batch)
