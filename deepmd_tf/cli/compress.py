"""Reduce the size of the embedding table of a frozen graph.

The graph is native or portable from `dp freeze`, or from DeePMD-kit, with or
without type embedding. The trained embedding net is tabulated; nothing is
trained again. The log reports the errors of the table.

example commands:
  dp compress -i graph.pb -o graph-compress.pb
  dp compress -i graph.pb -o graph-compress.pb --system data/validation
                                 also compare the two graphs on these data
  dp compress -i graph.pb -o fast.pb --fitting-precision float32
                                 evaluate the fitting net in single precision
"""

from __future__ import annotations

import argparse
import logging

from deepmd_tf.cli.data_options import SYSTEMS, system_paths

log = logging.getLogger("deepmd_tf")

_FRAMES = 20
"""Number of frames of each system to compare the graphs on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--input", "-i", default="graph.pb", metavar="PB", help="frozen graph (default: graph.pb)")
    parser.add_argument(
        "--output",
        "-o",
        default="graph-compress.pb",
        metavar="PB",
        help="compressed graph (default: graph-compress.pb)",
    )
    parser.add_argument(
        "--accuracy",
        "-a",
        type=_positive,
        metavar="A",
        help="largest error of the tabulated embedding, relative to its largest component (default: 1e-10)",
    )
    parser.add_argument(
        "--step",
        "-s",
        type=_positive,
        metavar="STEP",
        help="width of the panels at small values of the normalized radial column, instead of the width that "
        "--accuracy requires; without --accuracy, the table has a polynomial of degree 5 on each panel",
    )
    parser.add_argument(
        "--extrapolate",
        "-e",
        type=_at_least_one,
        default=5.0,
        metavar="X",
        help="the table starts at the shortest distance in the training data divided by X; closer atoms are an "
        "error (default: 5)",
    )
    parser.add_argument(
        "--fitting-precision",
        choices=("float64", "float32"),
        help="precision of the fitting net (default: as trained)",
    )
    parser.add_argument(
        "--system",
        nargs="+",
        metavar="PATH",
        help=f"systems to compare the graphs on: {SYSTEMS} (default: random frames); also the source of the shortest "
        "distance if the graph does not contain it",
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return value


def _at_least_one(text: str) -> float:
    value = _number(text)
    if not 1 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return value


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.export.compress import CompressOptions, compress_graph
    from deepmd_tf.files import atomic_write, check_writable
    from deepmd_tf.infer.deep_pot import DeepPot

    check_writable(arguments.output, "--output")
    original = DeepPot(arguments.input)
    systems, shortest = _data(arguments.system, original) if arguments.system else (None, None)
    options = CompressOptions(arguments.accuracy, arguments.step, arguments.extrapolate, arguments.fitting_precision)
    compressed = compress_graph(arguments.input, options, shortest)
    written = compressed.graph.SerializeToString(deterministic=True)
    atomic_write(arguments.output, written)
    _report(compressed, arguments.output, len(written))
    _compare(original, DeepPot(arguments.output), systems)


def _data(paths: list[str], potential) -> tuple[list, float]:
    """Load systems; return them and the shortest distance between their atoms (Å)."""
    from deepmd_tf.data import check_labels, load_systems
    from deepmd_tf.statistics import survey

    systems = load_systems(system_paths(paths), potential.get_type_map())
    check_labels(systems, numb_fparam=potential.get_dim_fparam(), numb_aparam=potential.get_dim_aparam())
    seen = survey(systems, potential.get_ntypes(), potential.get_rcut(), 0.9 * potential.get_rcut())
    return systems, seen.neighbors.min_distance


def _report(compressed, output: str, size: int) -> None:
    grid, within, beyond = compressed.grid, compressed.within, compressed.beyond
    log.info(
        "table: %d panels (%d per octave) of %d terms, %.2f MB; size of %s: %.2f MB",
        grid.npanels,
        grid.panels.per_octave,
        compressed.terms,
        compressed.nbytes / 2**20,
        output,
        size / 2**20,
    )
    for limit, distance, errors in (
        ("shortest distance of the training data", compressed.shortest, within),
        ("start of the table, closer atoms are an error", compressed.reach, beyond),
    ):
        log.info(
            "largest error above %.3g Å (%s): %.1e in the embedding (largest component %.3g), %.1e in its derivative",
            distance,
            limit,
            errors.value,
            errors.scale,
            errors.slope,
        )


def _compare(original, compressed, systems: list | None) -> None:
    from deepmd_tf.infer.agreement import compare_on_data, compare_on_random_frames

    if systems is not None:
        found, source = compare_on_data(original, compressed, systems, _FRAMES), "the data"
    elif original.get_sel():
        found, source = compare_on_random_frames(original, compressed), "random atoms (use --system for your data)"
    else:
        return
    log.info(
        "largest differences on %d frames of %s: energy %.1e eV/atom, force %.1e eV/Å, virial %.1e eV/atom",
        found.nframes,
        source,
        found.energy,
        found.force,
        found.virial,
    )
