"""A small flexible-water force field, used only to propose configurations for labeling.

Bonds are Morse functions and angles are harmonic. Molecules interact through point charges with a shifted force, a
Lennard-Jones term between oxygens and an exponential repulsion between oxygen and hydrogen. The parameters were fitted
to GFN1-xTB forces of liquid configurations (rms error 0.1 eV/Å, forces 0.85 eV/Å rms), so that the samples are close to
configurations of GFN1-xTB water.
"""

from __future__ import annotations

import numpy as np

COULOMB = 14.399645  # e^2 / (4 pi eps0), eV Å

PARAMETERS: dict[str, float] = {
    "bond_depth": 4.7,  # eV
    "bond_width": 2.23,  # 1/Å
    "bond_length": 0.961,  # Å
    "angle_stiffness": 2.77,  # eV/rad^2
    "angle": 1.884,  # rad
    "charge": 0.337,  # e, of hydrogen; the charge of oxygen is -2 times this
    "lj_depth": 0.006,  # eV
    "lj_length": 3.1,  # Å
    "repulsion": 0.031,  # eV, at 1.8 Å
    "repulsion_decay": 5.06,  # 1/Å
}


def energy_and_force(
    position: np.ndarray, cell: np.ndarray, parameters: dict[str, float] = PARAMETERS
) -> tuple[float, np.ndarray]:
    """Evaluate the force field.

    Parameters
    ----------
    position
        [natoms, 3] in Å, atoms in the order O H H, O H H, ... with molecules not split by the boundary.
    cell
        [3, 3] in Å, rows are the cell vectors; all directions are periodic.

    Returns
    -------
    energy in eV, forces [natoms, 3] in eV/Å
    """
    force = np.zeros_like(position)
    energy = _molecules(position.reshape(-1, 3, 3), parameters, force.reshape(-1, 3, 3))
    energy += _between(position, cell, parameters, force)
    return energy, force


def _molecules(position: np.ndarray, p: dict[str, float], force: np.ndarray) -> float:
    """Add the forces of bonds and angles to ``force`` [nmol, 3, 3]; return their energy."""
    arm = position[:, 1:] - position[:, :1]
    length = np.linalg.norm(arm, axis=2)
    unit = arm / length[..., None]
    decay = np.exp(-p["bond_width"] * (length - p["bond_length"]))
    slope = 2.0 * p["bond_depth"] * p["bond_width"] * decay * (1.0 - decay)
    cosine = np.clip(np.sum(unit[:, 0] * unit[:, 1], axis=1), -0.999999, 0.999999)
    excess = np.arccos(cosine) - p["angle"]
    pull = (p["angle_stiffness"] * excess / np.sqrt(1.0 - cosine**2))[:, None, None]
    on_hydrogen = -slope[..., None] * unit
    on_hydrogen += pull * (unit[:, ::-1] - cosine[:, None, None] * unit) / length[..., None]
    force[:, 1:] += on_hydrogen
    force[:, 0] -= on_hydrogen.sum(axis=1)
    return float(p["bond_depth"] * np.sum((1.0 - decay) ** 2) + 0.5 * p["angle_stiffness"] * np.sum(excess**2))


def _between(position: np.ndarray, cell: np.ndarray, p: dict[str, float], force: np.ndarray) -> float:
    """Add the forces between molecules to ``force`` [natoms, 3]; return their energy."""
    charge = np.tile([-2.0, 1.0, 1.0], len(position) // 3) * p["charge"]
    inverse = np.linalg.inv(cell)
    # Rounding of fractional coordinates gives the nearest image within half the smallest height of the cell.
    cutoff = 0.5 / np.linalg.norm(inverse, axis=0).max()
    fraction = position @ inverse
    fraction = fraction[:, None] - fraction[None, :]
    fraction -= np.rint(fraction)
    vector = (fraction.reshape(-1, 3) @ cell).reshape(fraction.shape)
    r = np.sqrt(np.einsum("ijk,ijk->ij", vector, vector))
    molecule = np.arange(len(position)) // 3
    r[molecule[:, None] == molecule] = 2.0 * cutoff
    inside = r < cutoff

    product = COULOMB * charge[:, None] * charge
    energy = product * (1.0 / r - 2.0 / cutoff + r / cutoff**2)
    slope = product * (1.0 / cutoff**2 - 1.0 / r**2)
    oxygens = r[::3, ::3]
    ratio = (p["lj_length"] / oxygens) ** 6
    energy[::3, ::3] += 4.0 * p["lj_depth"] * (ratio**2 - ratio)
    slope[::3, ::3] -= 24.0 * p["lj_depth"] * (2.0 * ratio**2 - ratio) / oxygens
    for hydrogen in (1, 2):
        for pair in (np.s_[::3, hydrogen::3], np.s_[hydrogen::3, ::3]):
            repulsion = p["repulsion"] * np.exp(-p["repulsion_decay"] * (r[pair] - 1.8))
            energy[pair] += repulsion
            slope[pair] -= p["repulsion_decay"] * repulsion
    force -= np.einsum("ij,ijk->ik", np.where(inside, slope / r, 0.0), vector)
    return 0.5 * float(np.sum(energy[inside]))
