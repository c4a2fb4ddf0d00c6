"""Generate the water data: liquid configurations labeled with GFN1-xTB.

Needs ``pip install tblite ase``. Takes about 15 minutes of processor time. Finished chains of frames are stored in
``run/``, and an interrupted run continues from there.

    python generate.py --jobs 2     # writes data_0 ... data_3 next to this file
    python generate.py --check      # compares stored labels with finite differences of the energy
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

# One thread per process: frames are independent, and the summation order of the labels is fixed.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from ase import Atoms
from force_field import energy_and_force
from tblite.ase import TBLite

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import labeling  # noqa: E402

TYPE_MAP = ["O", "H"]
MOLAR_VOLUME = 29.9  # Å^3 per molecule at 1 g/cm^3
RCUT = 6.0
TIME_STEP = 1.0  # fs
MELT_STEPS, SETTLE_STEPS, STEPS_BETWEEN = 1000, 2000, 200


@dataclass(frozen=True)
class System:
    """A system: independent chains, each with its own temperature, density and strain."""

    name: str
    nmolecules: int
    nchains: int
    frames_per_chain: int
    temperature: tuple[float, float]  # K
    density: tuple[float, float]  # g/cm^3
    strain: float

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols, molecule by molecule."""
        return ["O", "H", "H"] * self.nmolecules


SYSTEMS = (
    System("data_0", 32, 10, 10, (290.0, 380.0), (0.97, 1.03), 0.0),
    System("data_1", 28, 10, 10, (300.0, 450.0), (0.90, 1.10), 0.03),
    System("data_2", 24, 10, 10, (380.0, 600.0), (0.93, 1.07), 0.02),
    System("data_3", 32, 13, 5, (290.0, 420.0), (0.95, 1.05), 0.01),
)


def calculator() -> TBLite:
    """Return the calculator for the labels."""
    return TBLite(method="GFN1-xTB", accuracy=0.1, verbosity=0)


def force_at(atoms: Atoms) -> np.ndarray:
    """Return the forces of the sampling force field, eV/Å."""
    return energy_and_force(atoms.positions, atoms.cell.array)[1]


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Draw a uniformly distributed rotation matrix, from a random unit quaternion."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def lattice(nmolecules: int, cell: np.ndarray, rng: np.random.Generator) -> Atoms:
    """Place molecules with random orientations on random points of a simple cubic grid."""
    count = int(np.ceil(nmolecules ** (1.0 / 3.0) - 1e-9))
    grid = (np.indices((count,) * 3).reshape(3, -1).T + 0.5) / count
    centers = rng.permutation(grid)[:nmolecules] @ cell
    half = np.radians(107.0) / 2.0
    monomer = 0.96 * np.array([[0, 0, 0], [np.sin(half), 0, np.cos(half)], [-np.sin(half), 0, np.cos(half)]])
    positions = np.concatenate([center + monomer @ random_rotation(rng) for center in centers])
    return Atoms("OH2" * nmolecules, positions, cell=cell, pbc=True)


def run_chain(system: System, chain: int, seed: int, path: Path) -> None:
    """Sample and label the frames of one chain; write them to ``path``."""
    rng = np.random.default_rng([seed, SYSTEMS.index(system), chain])
    temperature = rng.uniform(*system.temperature)
    volume = system.nmolecules * MOLAR_VOLUME / rng.uniform(*system.density)
    deformation = labeling.random_strain(rng, system.strain) if system.strain else np.eye(3)
    cell = deformation * np.cbrt(volume / np.linalg.det(deformation))
    atoms = lattice(system.nmolecules, cell, rng)
    for _ in range(200):
        atoms.positions += np.clip(0.01 * force_at(atoms), -0.05, 0.05)

    def advance(steps: int, heat: float = 0.0) -> None:
        labeling.langevin(
            atoms,
            force_at,
            temperature=temperature + heat,
            time_step=TIME_STEP,
            friction=0.02,
            steps=steps,
            rng=rng,
        )

    advance(MELT_STEPS, heat=300.0)
    advance(SETTLE_STEPS)
    frames = []
    for _ in range(system.frames_per_chain):
        advance(STEPS_BETWEEN)
        frames.append(labeling.evaluate(labeling.stored(atoms), calculator))
    labeling.save_frames(path, frames)


def generate(output: Path, work: Path, seed: int, jobs: int) -> None:
    """Run the missing chains, then write the systems."""
    parts = {s: [work / f"seed_{seed}" / f"{s.name}_{chain:02d}.npz" for chain in range(s.nchains)] for s in SYSTEMS}
    tasks = [(s, chain, seed, path) for s in SYSTEMS for chain, path in enumerate(parts[s])]
    labeling.run_missing(run_chain, sorted(tasks, key=lambda task: task[1]), jobs)
    for system in SYSTEMS:
        labeling.write_system(output / system.name, system.symbols, TYPE_MAP, parts[system])


def report(output: Path) -> None:
    """Print the properties of every system and the largest number of neighbors of each type."""
    most = [labeling.describe(output / system.name, RCUT) for system in SYSTEMS]
    print(f"largest neighbor counts over all systems: {np.max(most, axis=0).tolist()}")


def main() -> None:
    """Generate or check the data as the command line requests."""
    arguments = labeling.command_line(__doc__, HERE, HERE / "run")
    if not arguments.check:
        generate(arguments.output, arguments.work, arguments.seed, arguments.jobs)
    report(arguments.output)
    if arguments.check:
        for name in ("data_1", "data_3"):
            labeling.check_labels(arguments.output / name, 7, calculator)


if __name__ == "__main__":
    main()
