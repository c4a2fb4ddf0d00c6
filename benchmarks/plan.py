"""Options of one benchmark run, which every kind of measurement takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.inputs import Data
from benchmarks.programs import Program


@dataclass(frozen=True)
class Plan:
    """Checked options of the command line.

    Attributes
    ----------
    programs : tuple of Program
        deepmd_tf, and DeePMD-kit if its environment exists.
    data : Data
        Systems to train on and frames to evaluate.
    cases : tuple of str
        Keys of `inputs.CASES`.
    threads : tuple of int
        Numbers of threads, ascending; each process is pinned to that many processors.
    rounds : int
        Maximum number of turns.
    steps : int
        Training steps per turn.
    largest : int
        Number of atoms of the largest frame of the kind ``scaling``.
    systems : int
        Number of systems of the kind ``collection``.
    seeds : tuple of int
        Seeds of the kind ``learning``.
    numb_steps : int
        Training steps of the kinds ``learning`` and ``compression``.
    work : Path
        Directory for the runs of the kind ``learning``.
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
        """Return deepmd_tf."""
        return self.programs[0]

    @property
    def peer(self) -> Program | None:
        """Return DeePMD-kit, or None if it is not measured."""
        return self.programs[1] if len(self.programs) > 1 else None
