"""Write the model of a checkpoint as a frozen graph (.pb) for inference in Python and ASE, or in DeePMD-kit's programs.

dp freeze -o graph.pb                    the latest checkpoint in the current directory
dp freeze -c model.ckpt-best -o graph.pb
dp freeze --portable -o portable.pb      the same model for DeePMD-kit's programs
"""

from __future__ import annotations

import argparse
import logging

log = logging.getLogger("deepmd_tf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--checkpoint",
        "-c",
        default=".",
        metavar="CKPT",
        help="a checkpoint (model.ckpt-1000), a prefix (model.ckpt) or a directory, whose latest is taken; "
        "default: here",
    )
    parser.add_argument("--output", "-o", default="graph.pb", metavar="PB", help="the graph file; default graph.pb")
    parser.add_argument(
        "--portable",
        action="store_true",
        help="write only operations that DeePMD-kit knows too: the same numbers, slower here",
    )


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from deepmd_tf.export.freeze import freeze
    from deepmd_tf.files import check_writable

    check_writable(arguments.output, "--output")
    stored = freeze(arguments.checkpoint, arguments.output, portable=arguments.portable)
    log.info("%s: step %d frozen to %s", stored.path, stored.step, arguments.output)
