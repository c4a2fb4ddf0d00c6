"""Generate the alloy data: random seven-element fcc alloys labeled with ASE's EMT potential.

Needs ``pip install ase``. Takes about 5 minutes of processor time. Finished chains of frames are stored in ``run/``,
and an interrupted run continues from there.

    python generate.py --jobs 2     # writes data/train_0 ... data/train_9, data/valid_0, data/valid_1
    python generate.py --check      # compares stored labels with finite differences of the energy
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# One thread per process: frames are independent, and the summation order of the labels is fixed.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import labeling  # noqa: E402

LATTICE_CONSTANTS = {"Cu": 3.61, "Ag": 4.09, "Au": 4.08, "Ni": 3.52, "Pd": 3.89, "Pt": 3.92, "Al": 4.05}  # Å
TYPE_MAP = list(LATTICE_CONSTANTS)
REPEAT = 4  # cubic cells along each axis: 256 atoms
FEWEST = 4  # atoms of each element; EMT's cutoff depends on the elements present, so every system has all of them
RCUT = 5.5
SYSTEMS = (*(f"train_{number}" for number in range(10)), "valid_0", "valid_1")
CHAINS, FRAMES_PER_CHAIN = 4, 5
TEMPERATURE = (200.0, 1500.0)  # K
EXPANSION = 1.017  # relative to the mean lattice constant; mixing of unlike atoms and temperature expand the crystal
STRAIN = 0.025
TIME_STEP = 4.0  # fs
SETTLE_STEPS, STEPS_BETWEEN = 40, 10


def alloy(name: str, seed: int) -> Atoms:
    """Build the undeformed crystal of one system, with a random composition on random sites."""
    rng = np.random.default_rng([seed, SYSTEMS.index(name)])
    spare = 4 * REPEAT**3 - FEWEST * len(TYPE_MAP)
    counts = FEWEST + rng.multinomial(spare, rng.dirichlet(np.ones(len(TYPE_MAP))))
    constant = EXPANSION * np.average(list(LATTICE_CONSTANTS.values()), weights=counts)
    atoms = bulk("Cu", "fcc", a=constant, cubic=True).repeat(REPEAT)
    atoms.symbols = rng.permutation(np.repeat(TYPE_MAP, counts))
    return atoms


def run_chain(name: str, chain: int, seed: int, path: Path) -> None:
    """Sample and label frames of one system at one temperature and strain; write them to ``path``."""
    rng = np.random.default_rng([seed, SYSTEMS.index(name), chain + 1])
    atoms = alloy(name, seed)
    atoms.set_cell(atoms.cell.array @ labeling.random_strain(rng, STRAIN), scale_atoms=True)
    temperature = rng.uniform(*TEMPERATURE)
    # Starting from a perfect lattice, half of the kinetic energy soon becomes potential energy.
    labeling.thermalize(atoms, 2.0 * temperature, rng)
    atoms.calc = EMT()

    def advance(steps: int) -> None:
        labeling.langevin(
            atoms,
            Atoms.get_forces,
            temperature=temperature,
            time_step=TIME_STEP,
            friction=0.01,
            steps=steps,
            rng=rng,
        )

    advance(SETTLE_STEPS)
    frames = []
    for _ in range(FRAMES_PER_CHAIN):
        advance(STEPS_BETWEEN)
        frames.append(labeling.evaluate(labeling.stored(atoms), EMT))
    labeling.save_frames(path, frames)


def generate(output: Path, work: Path, seed: int, jobs: int) -> None:
    """Run the missing chains, then write the systems."""
    parts = {name: [work / f"seed_{seed}" / f"{name}_{chain}.npz" for chain in range(CHAINS)] for name in SYSTEMS}
    tasks = [(name, chain, seed, path) for name in SYSTEMS for chain, path in enumerate(parts[name])]
    labeling.run_missing(run_chain, tasks, jobs)
    for name in SYSTEMS:
        labeling.write_system(output / name, list(alloy(name, seed).symbols), TYPE_MAP, parts[name])


def main() -> None:
    """Generate or check the data as the command line requests."""
    arguments = labeling.command_line(__doc__, HERE / "data", HERE / "run")
    if not arguments.check:
        generate(arguments.output, arguments.work, arguments.seed, arguments.jobs)
    most = [labeling.describe(arguments.output / name, RCUT) for name in SYSTEMS]
    print(f"largest neighbor counts over all systems: {np.max(most, axis=0).tolist()}")
    if arguments.check:
        for name in ("train_3", "valid_0"):
            labeling.check_labels(arguments.output / name, 7, EMT)


if __name__ == "__main__":
    main()
