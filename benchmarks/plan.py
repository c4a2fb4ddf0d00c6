"""What one run of the measurements was asked for; every kind of measurement takes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.inputs import Data
from benchmarks.programs import Program


@dataclass(frozen=True)
class Plan:
    """Options of the command line, checked.

    Attributes
    ----------
    programs : tuple of Program
        This program, then DeePMD-kit when its environment is there.
    data : Data
        Systems to train on and frames to evaluate.
    cases : tuple of str
        Keys of `inputs.CASES`.
    threads : tuple of int
        Numbers of threads, ascending; each process is pinned to as many processors.
    rounds : int
        How often the programs take turns, at most.
    steps : int
        Training steps in a turn.
    largest : int
        Atoms of the largest frame of the kind ``scaling``.
    systems : int
        Number of systems of the kind ``collection``.
    seeds : tuple of int
        Of the kind ``learning``.
    numb_steps : int
        Training steps of the kinds ``learning`` and ``compression``.
    work : Path
        Where the kind ``learning`` keeps its runs.
    """

    programs: tuple[Program, ...]
    data: Data
    cases: tuple[str, ...]
    threads: tuple[int, ...]
    rounds: int
    steps: int
    largest: int
    systems: int
    seeds: tuple[int, ...]
    numb_steps: int
    work: Path

    @property
    def ours(self) -> Program:
        """The program of this project."""
        return self.programs[0]

    @property
    def peer(self) -> Program | None:
        """DeePMD-kit, when it is measured too."""
        return self.programs[1] if len(self.programs) > 1 else None
