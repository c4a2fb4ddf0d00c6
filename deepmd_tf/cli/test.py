"""Compare the predictions of a frozen graph with labeled data.

Prints the mean absolute and root-mean-square errors of each system and of all
systems together.

example commands:
  dp test -m graph.pb -s data/validation
  dp test -m graph.pb -s data -n 100 --plot parity.png --json
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deepmd_tf.cli.data_options import SYSTEMS, add_xyz_keys, frame_count, parse_xyz_keys, system_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--model", "-m", default="graph.pb", metavar="PB", help="frozen graph (default: graph.pb)")
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
        "--numb-test",
        "-n",
        type=frame_count,
        default=0,
        metavar="N",
        help="use the first N frames of each system (default: all)",
    )
    parser.add_argument(
        "--detail-file", "-d", metavar="PREFIX", help="write labels and predictions to PREFIX.e.out, PREFIX.f.out, ..."
    )
    parser.add_argument("--plot", metavar="FILE", help="plot predictions against labels, as png, pdf or svg")
    parser.add_argument("--json", action="store_true", help="print the errors as JSON instead of tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.data import check_labels, load_systems
    from deepmd_tf.files import check_writable
    from deepmd_tf.infer.comparison import compare, pool_errors
    from deepmd_tf.infer.deep_pot import DeepPot

    if arguments.detail_file:
        check_writable(f"{arguments.detail_file}.e.out", "--detail-file")
    if arguments.plot:
        check_writable(arguments.plot, "--plot")
    potential = DeepPot(arguments.model)
    xyz_keys = parse_xyz_keys(arguments.xyz_keys)
    systems = load_systems(system_paths(arguments.system), potential.get_type_map(), xyz_keys)
    check_labels(systems, numb_fparam=potential.get_dim_fparam(), numb_aparam=potential.get_dim_aparam())
    comparisons = compare(potential, systems, arguments.numb_test or None)
    if arguments.detail_file:
        _write_details(arguments.detail_file, comparisons)
    if arguments.plot:
        from deepmd_tf.infer.plots import parity_plot, save_figure

        save_figure(parity_plot(comparisons), arguments.plot)
    named = {comparison.path: comparison for comparison in comparisons}
    if arguments.json:
        result = {"systems": {path: _numbers(c.errors(), c.nframes) for path, c in named.items()}}
        result["total"] = _numbers(pool_errors(comparisons), sum(c.nframes for c in comparisons))
        print(json.dumps(result, indent=2))
        return
    console = Console()
    for path, comparison in named.items():
        console.print(_table(f"{path}: {comparison.nframes} frames of {comparison.sizes}", comparison.errors()))
    if len(comparisons) > 1:
        console.print(_table(f"all {len(comparisons)} systems, weighted by their size", pool_errors(comparisons)))
    if arguments.plot:
        console.print(f"parity plot: {arguments.plot}", soft_wrap=True)


def _numbers(errors: dict, nframes: int) -> dict:
    return {"nframes": nframes, **{name: {"mae": error.mae, "rmse": error.rmse} for name, error in errors.items()}}


def _table(title: str, errors: dict) -> Table:
    from deepmd_tf.infer.comparison import QUANTITIES

    table = Table(title=title, title_justify="left")
    table.add_column("quantity")
    for name in ("MAE", "RMSE", "unit", "numbers"):
        table.add_column(name, justify="right")
    for name, error in errors.items():
        quantity = QUANTITIES[name]
        table.add_row(quantity.title, f"{error.mae:.4e}", f"{error.rmse:.4e}", quantity.unit, str(error.count))
    return table


def _write_details(prefix: str, comparisons: list) -> None:
    """Write one file per quantity, with the labels in the first columns and the predictions in the last."""
    import numpy as np

    from deepmd_tf.files import atomic_write

    names = {"energy": "e", "energy_per_atom": "e_peratom", "force": "f", "virial": "v", "virial_per_atom": "v_peratom"}
    components = {"e": ("e",), "f": ("fx", "fy", "fz"), "v": tuple(f"v{a}{b}" for a in "xyz" for b in "xyz")}
    for name, suffix in names.items():
        columns = components[suffix[0]]
        text = io.StringIO()
        for comparison in comparisons:
            if name in comparison.errors():
                pair = [values.reshape(-1, len(columns)) for values in comparison.pair(name)]
                head = " ".join(f"{source}_{column}" for source in ("data", "pred") for column in columns)
                np.savetxt(text, np.hstack(pair), header=f"{comparison.path}: {head}")
        if text.tell():
            atomic_write(Path(f"{prefix}.{suffix}.out"), text.getvalue())
