"""Cause faults on purpose, check the outcome and write tests/faults/RESULTS.md: `make faults`.

A run is killed at many points, the disk fills up, directories cannot be written, files are cut short and their bits
flipped, and inputs are malformed. The exit status is 1 if data are lost, a command hangs or a traceback appears.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
DOCUMENT = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    """Cause all faults and write the table."""
    from . import damage, interruptions, malformed
    from .outcomes import Section

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=64, help="number of points at which a run is killed; default 64")
    parser.add_argument("-o", "--output", type=Path, default=DOCUMENT, help="default tests/faults/RESULTS.md")
    options = parser.parse_args()
    logging.getLogger("deepmd_tf").setLevel(logging.ERROR)
    sections: list[Section] = []
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory).resolve()
        for make in (
            lambda: interruptions.kills(place / "kills", options.kills),
            lambda: interruptions.full_disks(place / "disks"),
            lambda: interruptions.closed_directories(place / "closed"),
            lambda: damage.files(place / "damage"),
            lambda: malformed.inputs(place / "malformed"),
        ):
            section = make()
            sections.append(section)
            print(section.title, section.summary, flush=True)
    write(options.output, sections)
    failures = [failure for section in sections for failure in section.failures]
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


def write(path: Path, sections: list) -> None:
    """Write the tables of all sections."""
    text = [
        "# Results of the fault tests\n",
        "`make faults` writes this file. It causes each of the faults below on purpose and checks the outcome.",
        "[reliability.md](../../docs/reliability.md) has a summary and the limits of the method. DIR is the directory",
        "of the command.\n",
        "| faults | cases | passed |\n|---|--:|--:|",
    ]
    for section in sections:
        text.append(f"| {section.title} | {section.cases} | {section.cases - len(section.failures)} |")
    for section in sections:
        text += ["", f"## {section.title}", "", section.summary, "", *section.table]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
