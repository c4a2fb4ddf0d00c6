"""Write water.data, 96 atoms of liquid water for LAMMPS; python water.py --replicate 2 for 768.

The default is the first frame of data_3, which is not used in training. LAMMPS requires the first cell vector along x
and the second in the xy plane, so the frame is rotated.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ase.io import write

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from labeling import read_frame  # noqa: E402


def main() -> None:
    """Write the data file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", default="water.data", help="the data file (default: %(default)s)")
    parser.add_argument("--frame", type=int, default=0, help="frame of data_3 (default: %(default)s)")
    parser.add_argument("--replicate", type=int, default=1, help="copies along each cell vector (default: %(default)s)")
    arguments = parser.parse_args()
    atoms, _ = read_frame(HERE.parent / "data_3", arguments.frame)
    atoms = atoms.repeat(arguments.replicate)
    write(arguments.output, atoms, format="lammps-data", specorder=["O", "H"], masses=True)
    print(f"{arguments.output}: {len(atoms)} atoms, {atoms.cell.volume:.1f} Å^3")


if __name__ == "__main__":
    main()
