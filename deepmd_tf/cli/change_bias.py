"""Fit the energies per species of a graph or a checkpoint to data.

The differences between the energies of the data and of the model are fitted
with one energy per species, by least squares. Nothing else changes; forces and
virials stay the same.

example commands:
  dp change-bias graph.pb -s data -o new.pb
  dp change-bias model.ckpt-1000 -s data -o model.ckpt-bias
"""

from __future__ import annotations

import argparse
import logging

from rich.table import Table

from deepmd_tf.cli.data_options import SYSTEMS, add_xyz_keys, frame_count, parse_xyz_keys, system_paths
from deepmd_tf.train.report import CONSOLE

log = logging.getLogger("deepmd_tf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="PB|CKPT", help="frozen graph of this program or of DeePMD-kit, or checkpoint")
    parser.add_argument(
        "--system",
        "-s",
        required=True,
        nargs="+",
        metavar="PATH",
        help=f"systems: {SYSTEMS}",
    )
    add_xyz_keys(parser)
    parser.add_argument(
        "--numb-frames",
        "-n",
        type=frame_count,
        default=0,
        metavar="N",
        help="use the first N frames of each system (default: all)",
    )
    parser.add_argument(
        "--output",
        "-o",
        required=True,
        metavar="OUT",
        help="new graph, or new checkpoint; a checkpoint is a directory that must not exist yet",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    import numpy as np

    from deepmd_tf.data import check_labels, load_systems
    from deepmd_tf.infer.change_bias import open_model
    from deepmd_tf.infer.energy_bias import residuals, shift

    with open_model(arguments.model, arguments.output) as model:
        potential = model.potential
        xyz_keys = parse_xyz_keys(arguments.xyz_keys)
        systems = load_systems(system_paths(arguments.system), potential.get_type_map(), xyz_keys)
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
    for time, left in (("before", differences), ("after", differences - compositions @ by_type)):
        log.info("energy RMSE %s the change: %.4e eV/atom", time, np.sqrt(np.mean((left / natoms) ** 2)))
