"""Print the properties of a frozen graph: species, cutoff, networks, provenance.

example commands:
  dp show graph.pb
"""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.table import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="PB", help="frozen graph")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--input", action="store_true", help="print only the training input stored in the graph, as JSON"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from deepmd_tf.export.summary import graph_summary, stored_input

    if arguments.input:
        print(json.dumps(stored_input(arguments.model), indent=2))
        return
    facts = graph_summary(arguments.model)
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return
    table = Table(title=arguments.model, title_justify="left", show_header=False)
    for name, value in facts.items():
        table.add_row(name, json.dumps(value) if isinstance(value, dict | list) else str(value))
    Console().print(table)
