"""Fit the energies per species of a graph or a checkpoint to data, and leave all else as it is.

The energy that frames of the data have beyond the model's is spread over their species by least squares. Forces and
virials do not change.

  dp change-bias graph.pb -s DATA -o new.pb
  dp change-bias model.ckpt-1000 -s DATA -o model.ckpt-bias
"""

from __future__ import annotations

import argparse
import logging

from rich.table import Table

from deepmd_tf.cli.xyz_option import add_xyz_keys, xyz_keys
from deepmd_tf.train.report import CONSOLE

log = logging.getLogger("deepmd_tf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="PB|CKPT", help="a frozen graph, ours or DeePMD-kit's, or a checkpoint")
    parser.add_argument(
        "--system",
        "-s",
        required=True,
        nargs="+",
        metavar="PATH",
        help="systems: directories, HDF5 or extended XYZ files, searched",
    )
    add_xyz_keys(parser)
    parser.add_argument(
        "--numb-frames",
        "-n",
        type=_count,
        default=0,
        metavar="N",
        help="the first N frames of each system; default all",
    )
    parser.add_argument(
        "--output",
        "-o",
        required=True,
        metavar="OUT",
        help="the new graph, or the new checkpoint, a directory that is not there yet",
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of frames, or 0 for all, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    import numpy as np

    from deepmd_tf.data import check_labels, load_systems
    from deepmd_tf.infer.change_bias import open_model
    from deepmd_tf.infer.energy_bias import residuals, shift

    with open_model(arguments.model, arguments.output) as model:
        potential = model.potential
        paths = arguments.system[0] if len(arguments.system) == 1 else arguments.system
        systems = load_systems(paths, potential.get_type_map(), xyz_keys(arguments.xyz_keys))
        check_labels(systems, numb_fparam=potential.get_dim_fparam(), numb_aparam=potential.get_dim_aparam())
        weights = [(np.arange(s.nframes) < (arguments.numb_frames or s.nframes)).astype(float) for s in systems]
        differences, compositions = residuals(potential, systems, weights)
        by_type = shift(differences, compositions, rcond=model.rcond, kept=model.kept)
        model.write(by_type)
    natoms = compositions.sum(axis=1)
    table = Table(title=f"{arguments.output}: energies fitted to {len(natoms)} frames", title_justify="left")
    for name in ("species", "atoms", "before (eV)", "shift (eV)", "after (eV)"):
        table.add_column(name, justify="right")
    for k, name in enumerate(potential.get_type_map()):
        numbers = (model.bias[k], by_type[k], model.bias[k] + by_type[k])
        table.add_row(name, str(int(compositions[:, k].sum())), *(f"{number:.6f}" for number in numbers))
    CONSOLE.print(table)
    for word, left in (("before", differences), ("after", differences - compositions @ by_type)):
        log.info("%s: energies differ by %.4e eV/atom (RMSE)", word, np.sqrt(np.mean((left / natoms) ** 2)))
