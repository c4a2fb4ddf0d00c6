"""Print the reference of the input file of `dp train`, or its JSON schema.

example commands:
  dp doc-train-input
  dp doc-train-input --json-schema > deepmd_tf.schema.json     for an editor
"""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json-schema", action="store_true", help="print the JSON schema instead of the reference")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.config import doc_train_input, json_schema

    print(json.dumps(json_schema(), indent=2) if arguments.json_schema else doc_train_input())
