"""Compute the model deviation of several graphs for each frame of a trajectory.

The output has one line per frame: the step; maximum, minimum and root mean
square of the virial deviation (eV per atom); maximum, minimum and mean of the
force deviation (eV/Å); the energy deviation (eV per atom). The file format is
that of DeePMD-kit, which DP-GEN reads.

example commands:
  dp model-devi -m graph.0.pb graph.1.pb graph.2.pb -s data -o model_devi.out
  dp model-devi -m graph.*.pb -s data --real_error
"""

from __future__ import annotations

import argparse
import logging
import math
from typing import TYPE_CHECKING

from deepmd_tf.cli.data_options import add_xyz_keys, parse_xyz_keys
from deepmd_tf.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from deepmd_tf.data import System
    from deepmd_tf.infer import DeepPot

log = logging.getLogger("deepmd_tf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--models", "-m", required=True, nargs="+", metavar="PB", help="frozen graphs")
    parser.add_argument(
        "--system",
        "-s",
        default=".",
        metavar="PATH",
        help="directory, HDF5 file or extended XYZ file; a directory is searched for systems "
        "(default: current directory)",
    )
    add_xyz_keys(parser)
    parser.add_argument(
        "--output", "-o", default="model_devi.out", metavar="FILE", help="output file (default: model_devi.out)"
    )
    parser.add_argument(
        "--frequency", "-f", type=_steps, default=1, metavar="N", help="steps between two frames (default: 1)"
    )
    parser.add_argument(
        "--real_error",
        action="store_true",
        help="compute the root-mean-square error with respect to the labels instead of the deviation",
    )
    parser.add_argument("--atomic", action="store_true", help="also write the force deviation of every atom")
    parser.add_argument(
        "--relative",
        type=_level,
        metavar="LEVEL",
        help="divide the force deviation by the magnitude of the mean force plus LEVEL (eV/Å)",
    )
    parser.add_argument(
        "--relative_v",
        type=_level,
        metavar="LEVEL",
        help="divide the virial deviation by the norm of the mean virial per atom plus LEVEL (eV)",
    )


def _steps(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number of steps, got {text!r}")
    return int(text)


def _level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if not 0 < level < math.inf:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return level


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.data import check_labels, load_systems
    from deepmd_tf.files import atomic_write, check_writable
    from deepmd_tf.infer.deep_pot import DeepPot
    from deepmd_tf.infer.model_devi import check_models, format_model_devi

    check_writable(arguments.output, "--output")
    if len(arguments.models) == 1 and not arguments.real_error:
        raise InputError("--models: expected at least two graphs, got one; with --real_error one is enough")
    models = [DeepPot(path) for path in arguments.models]
    check_models(models, with_data=arguments.real_error)
    systems = load_systems(arguments.system, models[0].get_type_map(), parse_xyz_keys(arguments.xyz_keys))
    check_labels(systems, numb_fparam=models[0].get_dim_fparam(), numb_aparam=models[0].get_dim_aparam())
    if arguments.real_error:
        _check_references(systems)
    tables = {system.path: _deviation(system, models, arguments) for system in systems}
    atomic_write(arguments.output, "".join(format_model_devi(table, path) for path, table in tables.items()))
    quantity = "error" if arguments.real_error else "deviation"
    unit = " eV/Å" if arguments.relative is None else ""
    for path, table in tables.items():
        mean, largest, step = table[:, 6].mean(), table[:, 4].max(), table[table[:, 4].argmax(), 0]
        log.info(
            "%s: %d frames, force %s: mean %.4g, largest %.4g%s at step %d",
            *(path, len(table), quantity, mean, largest, unit, step),
        )
    log.info("wrote %s", arguments.output)


def _deviation(system: System, models: list[DeepPot], arguments: argparse.Namespace) -> np.ndarray:
    """Compute the model deviation of a system in parts of limited size."""
    import numpy as np

    from deepmd_tf.infer.model_devi import calc_model_devi

    first, tables = models[0], []
    compared = ("energy", "force", "virial") if arguments.real_error else ()
    for frames, batch in system.parts(np.arange(system.nframes), [*compared, "fparam", "aparam"]):
        labels = {name: getattr(batch, name) for name in ("energy", "force", "virial")}
        table = calc_model_devi(
            batch.coord,
            batch.box,
            batch.type,
            models,
            frequency=arguments.frequency,
            fparam=batch.fparam if first.get_dim_fparam() else None,
            aparam=batch.aparam if first.get_dim_aparam() else None,
            real_data=labels if arguments.real_error else None,
            atomic=arguments.atomic,
            relative=arguments.relative,
            relative_v=arguments.relative_v,
        )
        table[:, 0] = frames * arguments.frequency
        tables.append(table)
    if len({table.shape[1] for table in tables}) > 1:
        raise InputError(
            f"--atomic: expected frames with equal numbers of atoms, got different ones in {system.path}; "
            "the lines of the file would differ in length"
        )
    table = np.concatenate(tables)
    return table[np.argsort(table[:, 0], kind="stable")]


def _check_references(systems: list[System]) -> None:
    """Raise `InputError` for systems without forces; warn of other missing labels, whose columns are nan."""
    from deepmd_tf.data import check_labels

    check_labels(systems, required=["force"])
    for system in systems:
        absent = [system.place_of(name) for name in ("energy", "virial") if name not in system.labels]
        if absent:
            log.warning("%s: no %s to compare with; the columns are nan", system.path, " and no ".join(absent))
