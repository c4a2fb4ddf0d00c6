"""Make the table of a frozen graph smaller, and say how accurate it is.

dp compress -i graph.pb -o graph-compress.pb
dp compress -i graph.pb -o graph-compress.pb --system data/validation      errors on frames of yours
dp compress -i graph.pb -o fast.pb --fitting-precision float32             the fitting net in single precision

The graph may be one of `dp freeze`, native or portable, or one that DeePMD-kit froze, with or without type embedding.
The embedding is tabulated as it was trained: nothing is trained again.
"""

from __future__ import annotations

import argparse
import logging

log = logging.getLogger("deepmd_tf")

_FRAMES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--input", "-i", default="graph.pb", metavar="PB", help="the frozen graph; default graph.pb")
    parser.add_argument(
        "--output", "-o", default="graph-compress.pb", metavar="PB", help="the new graph; default graph-compress.pb"
    )
    parser.add_argument(
        "--accuracy",
        "-a",
        type=_positive,
        metavar="A",
        help="largest error of the tabulated embedding, relative to its largest component; default 1e-10",
    )
    parser.add_argument(
        "--step",
        "-s",
        type=_positive,
        metavar="STEP",
        help="width of the panels where the normalized radial column is small, instead of what --accuracy would "
        "choose; without --accuracy a quintic on every panel",
    )
    parser.add_argument(
        "--extrapolate",
        "-e",
        type=_at_least_one,
        default=5.0,
        metavar="X",
        help="the table reaches down to the shortest distance of the training data divided by X; atoms nearer than "
        "that are refused by name; default 5",
    )
    parser.add_argument(
        "--fitting-precision",
        choices=("float64", "float32"),
        help="precision in which the fitting net is evaluated; default as trained",
    )
    parser.add_argument(
        "--system",
        nargs="+",
        metavar="DIR",
        help="systems, or one directory searched for them, to compare the graphs on",
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
    """Carry out the command."""
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
    """Systems, and the shortest distance in them (Å)."""
    from deepmd_tf.data import check_labels, load_systems
    from deepmd_tf.statistics import survey

    systems = load_systems(paths[0] if len(paths) == 1 else paths, potential.get_type_map())
    check_labels(systems, numb_fparam=potential.get_dim_fparam(), numb_aparam=potential.get_dim_aparam())
    seen = survey(systems, potential.get_ntypes(), potential.get_rcut(), 0.9 * potential.get_rcut())
    return systems, seen.neighbors.min_distance


def _report(compressed, output: str, size: int) -> None:
    grid, within, beyond = compressed.grid, compressed.within, compressed.beyond
    log.info(
        "table: %d panels (%d an octave) of %d terms, %.2f MB; %s is %.2f MB",
        grid.npanels,
        grid.panels.per_octave,
        compressed.terms,
        compressed.nbytes / 2**20,
        output,
        size / 2**20,
    )
    for what, distance, errors in (
        ("the shortest distance of the training data", compressed.shortest, within),
        ("the end of the table, nearer than which atoms are refused", compressed.reach, beyond),
    ):
        log.info(
            "largest error to %.3g Å, %s: %.1e of the embedding (largest component %.3g), %.1e of its slope",
            distance,
            what,
            errors.value,
            errors.scale,
            errors.slope,
        )


def _compare(original, compressed, systems: list | None) -> None:
    from deepmd_tf.infer.agreement import agreement_on_data, agreement_on_made_up

    if systems is not None:
        found, where = agreement_on_data(original, compressed, systems, _FRAMES), "the data"
    elif original.get_sel():
        found, where = agreement_on_made_up(original, compressed), "made-up atoms (give --system for yours)"
    else:
        return
    log.info(
        "largest differences on %d frames of %s: energy %.1e eV/atom, force %.1e eV/Å, virial %.1e eV/atom",
        found.nframes,
        where,
        found.energy,
        found.force,
        found.virial,
    )
