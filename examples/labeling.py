"""Sampling, labeling, output in the ``deepmd/npy`` layout, and checks, for the generators of the example data.

Units are Å, eV, eV/Å; the virial is minus stress times volume, so that pressure = trace / 3V.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.neighborlist import neighbor_list

COLUMNS = ("coord", "box", "energy", "force", "virial")
# Labels are computed at the stored, rounded coordinates, so single precision only rounds the forces.
STORED_AS = {"coord": np.float32, "box": np.float32, "energy": np.float64, "force": np.float32, "virial": np.float64}


def command_line(description: str, output: Path, work: Path) -> argparse.Namespace:
    """Parse the options of a generator; ``output`` and ``work`` are default directories."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=output, help="directory for the systems (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=work, help="directory for finished chains (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to use (default: 1 per core)")
    parser.add_argument("--check", action="store_true", help="only check the labels of existing data")
    return parser.parse_args()


def run_missing(chain: Callable[..., None], tasks: Sequence[tuple], jobs: int) -> None:
    """Call ``chain(*task)`` in ``jobs`` processes for every task whose output file, its last item, is missing."""
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(chain, *task): task[-1] for task in tasks if not task[-1].exists()}
        for done, finished in enumerate(as_completed(running), 1):
            finished.result()
            print(f"[{done}/{len(running)}] {running[finished].name}", flush=True)


def langevin(
    atoms: Atoms,
    force_at: Callable[[Atoms], np.ndarray],
    *,
    temperature: float,
    time_step: float,
    friction: float,
    steps: int,
    rng: np.random.Generator,
) -> None:
    """Advance positions and momenta of ``atoms`` by Langevin dynamics (the BAOAB splitting), in place.

    ``temperature`` in K, ``time_step`` in fs, ``friction`` in 1/fs; ``force_at`` returns [natoms, 3] in eV/Å.
    """
    step = time_step * units.fs
    mass = atoms.get_masses()[:, None]
    velocity = atoms.get_velocities()
    damping = np.exp(-friction * time_step)
    noise = np.sqrt((1.0 - damping**2) * units.kB * temperature / mass)
    force = force_at(atoms)
    for _ in range(steps):
        velocity += 0.5 * step * force / mass
        atoms.positions += 0.5 * step * velocity
        velocity = damping * velocity + noise * rng.standard_normal(velocity.shape)
        atoms.positions += 0.5 * step * velocity
        force = force_at(atoms)
        velocity += 0.5 * step * force / mass
    atoms.set_velocities(velocity)


def thermalize(atoms: Atoms, temperature: float, rng: np.random.Generator) -> None:
    """Draw velocities of ``atoms`` at ``temperature`` (K), in place, with the center of mass at rest."""
    velocity = rng.standard_normal((len(atoms), 3)) * np.sqrt(units.kB * temperature / atoms.get_masses()[:, None])
    atoms.set_velocities(velocity - np.average(velocity, axis=0, weights=atoms.get_masses()))


def random_strain(rng: np.random.Generator, size: float) -> np.ndarray:
    """Draw a symmetric deformation [3, 3] whose strains have standard deviation ``size`` (shear: half of it)."""
    draw = rng.normal(0.0, size, (3, 3))
    strain = np.diag(np.diag(draw)) + 0.25 * np.sqrt(2.0) * (draw + draw.T) * (1.0 - np.eye(3))
    return np.eye(3) + np.clip(strain, -2.5 * size, 2.5 * size)


def evaluate(atoms: Atoms, make_calculator: Callable[[], object]) -> dict[str, np.ndarray]:
    """Label one frame with a new calculator, so that the result does not depend on previous frames."""
    atoms = atoms.copy()
    atoms.calc = make_calculator()
    return {
        "coord": atoms.positions.reshape(-1),
        "box": atoms.cell.array.reshape(-1),
        "energy": np.asarray(atoms.get_potential_energy()),
        "force": atoms.get_forces().reshape(-1),
        "virial": -(atoms.get_stress(voigt=False) * atoms.get_volume()).reshape(-1),
    }


def stored(atoms: Atoms) -> Atoms:
    """Return the frame as it is stored: atoms inside the cell, numbers rounded to single precision."""
    frame = Atoms(atoms.symbols, cell=atoms.cell.array.astype(np.float32), pbc=True)
    frame.positions = atoms.positions
    frame.wrap()
    frame.positions = frame.positions.astype(np.float32)
    return frame


def save_frames(path: Path, frames: Sequence[dict[str, np.ndarray]]) -> None:
    """Write finished frames to one ``.npz`` file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, **{name: np.stack([frame[name] for frame in frames]) for name in COLUMNS})
    partial.replace(path)


def write_system(directory: Path, symbols: Sequence[str], type_map: Sequence[str], parts: Sequence[Path]) -> int:
    """Join the ``.npz`` files ``parts`` into one system in the ``deepmd/npy`` layout; return the number of frames."""
    (directory / "set.000").mkdir(parents=True, exist_ok=True)
    (directory / "type_map.raw").write_text("".join(f"{name}\n" for name in type_map))
    (directory / "type.raw").write_text("".join(f"{type_map.index(symbol)}\n" for symbol in symbols))
    loaded = [np.load(part) for part in parts]
    for name in COLUMNS:
        column = np.concatenate([part[name] for part in loaded]).astype(STORED_AS[name])
        np.save(directory / "set.000" / f"{name}.npy", column)
    return len(column)


def read_frame(directory: Path, index: int) -> tuple[Atoms, dict[str, np.ndarray]]:
    """Read one frame; return the atoms and the labels."""
    names = (directory / "type_map.raw").read_text().split()
    symbols = [names[int(number)] for number in (directory / "type.raw").read_text().split()]
    frame = {name: np.load(directory / "set.000" / f"{name}.npy")[index].astype(np.float64) for name in COLUMNS}
    return Atoms(symbols, frame["coord"].reshape(-1, 3), cell=frame["box"].reshape(3, 3), pbc=True), frame


def check_labels(directory: Path, index: int, make_calculator: Callable[[], object]) -> None:
    """Compare the stored labels of one frame with finite differences of the energy; exit if they disagree."""

    def energy(position: np.ndarray, deformation: np.ndarray) -> float:
        moved = Atoms(atoms.symbols, position @ deformation, cell=atoms.cell.array @ deformation, pbc=True)
        moved.calc = make_calculator()
        return moved.get_potential_energy()

    def slope(shift: np.ndarray, strain: np.ndarray, size: float) -> float:
        up = energy(atoms.positions + size * shift, np.eye(3) + size * strain)
        down = energy(atoms.positions - size * shift, np.eye(3) - size * strain)
        return (up - down) / (2.0 * size)

    atoms, frame = read_frame(directory, index)
    rest, still = np.zeros((len(atoms), 3)), np.zeros((3, 3))
    errors = {"energy": abs(energy(atoms.positions, np.eye(3)) - frame["energy"]), "force": 0.0, "virial": 0.0}
    for component in np.random.default_rng(index).choice(rest.size, 6, replace=False):
        shift = np.eye(1, rest.size, component).reshape(rest.shape)
        errors["force"] = max(errors["force"], abs(-slope(shift, still, 2e-3) - frame["force"][component]))
    for component in (0, 1, 2, 4, 5, 8):
        strain = np.eye(1, 9, component).reshape(3, 3)
        errors["virial"] = max(errors["virial"], abs(-slope(rest, strain, 2e-4) - frame["virial"][component]))
    pressure = np.trace(frame["virial"].reshape(3, 3)) / (3.0 * atoms.get_volume())
    expected = -slope(rest, np.eye(3), 2e-4) / (3.0 * atoms.get_volume())
    print(f"{directory.name} frame {index}: largest difference between label and finite difference")
    print("  energy {energy:.1e} eV   force {force:.1e} eV/Å   virial {virial:.1e} eV".format(**errors))
    print(f"  pressure trace/3V {pressure / units.bar:.0f} bar, -dE/dV {expected / units.bar:.0f} bar")
    limits = {"energy": 1e-5, "force": 2e-3, "virial": 1e-2}
    if any(errors[name] > limits[name] for name in limits):
        raise SystemExit(f"{directory}: labels differ from finite differences of the energy by more than {limits}")


def describe(directory: Path, rcut: float) -> list[int]:
    """Print the properties of a system; return the largest number of neighbors of each type within ``rcut`` (Å)."""
    columns = {name: np.load(directory / "set.000" / f"{name}.npy") for name in COLUMNS}
    names = (directory / "type_map.raw").read_text().split()
    most = np.zeros(len(names), dtype=int)
    for index in range(len(columns["energy"])):
        atoms, _ = read_frame(directory, index)
        kind = np.array([names.index(symbol) for symbol in atoms.symbols])
        center, neighbor = neighbor_list("ij", atoms, rcut)
        counts = np.bincount(center * len(names) + kind[neighbor], minlength=len(atoms) * len(names))
        most = np.maximum(most, counts.reshape(len(atoms), len(names)).max(axis=0))
    natoms = len(atoms)
    energy, force = columns["energy"] / natoms, columns["force"]
    pressure = columns["virial"][:, [0, 4, 8]].sum(axis=1) / (3.0 * np.linalg.det(columns["box"].reshape(-1, 3, 3)))
    print(
        f"{directory.name}: {len(energy)} frames of {natoms} atoms, energy {energy.mean():.3f} eV/atom"
        f" (sd {1e3 * energy.std():.1f} meV), force rms {np.sqrt((force**2).mean()):.2f}"
        f" max {np.abs(force).max():.1f} eV/Å, pressure {pressure.min() / units.GPa:.1f}"
        f" to {pressure.max() / units.GPa:.1f} GPa, neighbors within {rcut} Å at most {most.tolist()}"
    )
    return most.tolist()
