"""Write the model of a checkpoint to a frozen graph (.pb) for inference.

example commands:
  dp freeze -o graph.pb                     freeze the latest checkpoint
  dp freeze -c model.ckpt-best -o graph.pb
  dp freeze --portable -o portable.pb       for DeePMD-kit's programs
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
        help="checkpoint (model.ckpt-1000), or prefix (model.ckpt) or directory whose latest checkpoint is used "
        "(default: current directory)",
    )
    parser.add_argument("--output", "-o", default="graph.pb", metavar="PB", help="graph file (default: graph.pb)")
    parser.add_argument(
        "--portable",
        action="store_true",
        help="use only operations that DeePMD-kit supports; the results are the same, but slower in this program",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.export.freeze import freeze
    from deepmd_tf.files import check_writable

    check_writable(arguments.output, "--output")
    stored = freeze(arguments.checkpoint, arguments.output, portable=arguments.portable)
    log.info("%s: step %d frozen to %s", stored.path, stored.step, arguments.output)
