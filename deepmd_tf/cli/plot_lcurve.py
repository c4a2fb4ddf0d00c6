"""Plot learning curves: errors of energy, force and virial against the step.

example commands:
  dp plot-lcurve                            plot lcurve.out to lcurve.png
  dp plot-lcurve a/lcurve.out b/lcurve.out -o compare.png
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files", nargs="*", default=["lcurve.out"], metavar="FILE", help="learning curves (default: lcurve.out)"
    )
    parser.add_argument(
        "--output", "-o", default="lcurve.png", metavar="FILE", help="plot, as png, pdf or svg (default: lcurve.png)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.files import check_writable
    from deepmd_tf.infer.plots import lcurve_plot, save_figure
    from deepmd_tf.train.lcurve import read_lcurve

    check_writable(arguments.output, "--output")
    save_figure(lcurve_plot({name: read_lcurve(name) for name in arguments.files}), arguments.output)
    print(f"learning curve plot: {arguments.output}")
