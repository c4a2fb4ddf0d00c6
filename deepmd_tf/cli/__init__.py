"""Command line interface `dp`.

Each command is a module of this package with ``add_arguments(parser)`` and ``run(arguments)``. The docstring of the
module is the help text. Modules import their dependencies in ``run``, so that ``dp -h`` is fast.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from rich.logging import RichHandler

from deepmd_tf import __version__
from deepmd_tf.errors import user_message
from deepmd_tf.train.report import CONSOLE

COMMANDS = {
    "train": "train a model",
    "freeze": "write the model of a checkpoint to a graph file (.pb)",
    "change-bias": "fit the energies per species of a model to data",
    "compress": "reduce the size of the embedding table of a frozen graph",
    "test": "compare the predictions of a graph with labeled data",
    "model-devi": "compute the model deviation of several graphs",
    "show": "print the properties of a frozen graph",
    "neighbor-stat": "count neighbors in data, to choose sel",
    "plot-lcurve": "plot learning curves",
    "where": "print the directory of the LAMMPS plugin or of the C++ API",
    "doc-train-input": "print the reference of the input file, or its JSON schema",
}

_EXAMPLE = """example commands, from data to predictions:
  dp train input.json                  train; writes lcurve.out and model.ckpt-*
  dp plot-lcurve                       plot the learning curve
  dp freeze -o graph.pb                write the latest model
  dp test -m graph.pb -s validation    compare it with labeled data

`dp COMMAND -h` describes a command. `dp doc-train-input` describes the keys of
the input file.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dp",
        description="Deep Potential models with type embedding, on TensorFlow.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"deepmd_tf {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        module = _module(name)
        command = commands.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.add_argument(
            "--log-level",
            "-v",
            default="INFO",
            metavar="LEVEL",
            type=_log_level,
            help="lowest level of the messages in the log: DEBUG, INFO, WARNING or ERROR, or 3, 2, 1, 0 "
            "(default: INFO)",
        )
    return parser


def _log_level(text: str) -> str:
    names = {"0": "ERROR", "1": "WARNING", "2": "INFO", "3": "DEBUG"}
    level = names.get(text, text.upper())
    if level not in names.values():
        raise argparse.ArgumentTypeError(f"expected DEBUG, INFO, WARNING or ERROR, got {text!r}")
    return level


def _module(command: str):
    return importlib.import_module(f"deepmd_tf.cli.{command.replace('-', '_')}")


def _configure_log(level: str) -> None:
    if CONSOLE.is_terminal:
        handler = RichHandler(console=CONSOLE, show_path=False, log_time_format="%H:%M:%S")
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("deepmd_tf")
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False


def _fail(command: str, message: str) -> int:
    print(f"dp {command}: error: {message}", file=sys.stderr)
    return 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `dp` and return the exit status.

    The status is 0 on success, 2 for an error in the input, the installation or the machine, and 130 on interruption.
    """
    parsed = _parser().parse_args(arguments)
    _configure_log(parsed.log_level)
    # Without this, TensorFlow imports Keras and Keras imports matplotlib, which takes half a second and 46 MiB. It is
    # not set on import of the package, because other programs may use Keras.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    try:
        _module(parsed.command).run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ImportError as error:
        hint = ": pip install tensorflow-cpu (or 'tensorflow[and-cuda]')" if error.name == "tensorflow" else ""
        return _fail(parsed.command, f"{error}{hint}")
    except KeyboardInterrupt:
        print(f"dp {parsed.command}: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        return _fail(parsed.command, message)
    return 0
