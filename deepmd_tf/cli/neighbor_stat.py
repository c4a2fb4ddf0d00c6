"""Count neighbors in data, to choose `sel`.

Prints the largest number of neighbors of each type within the cutoff, the
shortest distance between atoms, and a suggested `sel`.

example commands:
  dp neighbor-stat -s data -r 6.0 -t O H
"""

from __future__ import annotations

import argparse
import json
import math

from rich.console import Console
from rich.table import Table

from deepmd_tf.cli.data_options import SYSTEMS, system_paths
from deepmd_tf.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--system", "-s", required=True, nargs="+", metavar="PATH", help=f"systems: {SYSTEMS}")
    parser.add_argument("--rcut", "-r", type=_length, required=True, metavar="R", help="cutoff (Å)")
    parser.add_argument("--type-map", "-t", nargs="+", required=True, metavar="NAME", help="names of the atom types")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _length(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a positive length in Å, got {text!r}")
    return value


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.data import load_systems
    from deepmd_tf.statistics import survey
    from deepmd_tf.train.sel import suggested_sel

    names = arguments.type_map
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"--type-map: expected different names of types, got {names}")
    systems = load_systems(system_paths(arguments.system), arguments.type_map)
    seen = survey(systems, len(arguments.type_map), arguments.rcut, 0.0).neighbors
    suggested = suggested_sel(seen)
    if arguments.json:
        result = {
            "rcut": arguments.rcut,
            "type_map": arguments.type_map,
            "max_neighbors": [int(n) for n in seen.max_neighbors],
            "suggested_sel": list(suggested),
            "min_distance": seen.min_distance if math.isfinite(seen.min_distance) else None,
        }
        print(json.dumps(result, indent=2))
        return
    table = Table(title=f"Neighbors within {arguments.rcut:g} Å", title_justify="left")
    for name in ("type", "largest number", "suggested sel"):
        table.add_column(name, justify="right")
    for row in zip(arguments.type_map, seen.max_neighbors, suggested, strict=True):
        table.add_row(*map(str, row))
    console = Console()
    console.print(table)
    frames = sum(system.nframes for system in systems)
    console.print(f"{frames} frames in {len(systems)} systems; shortest distance {seen.min_distance:.4f} Å")
    console.print(f'"sel": {list(suggested)}')
