"""Energies per species that make up for what a potential's energies differ from those of data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmd_tf.data import System
from deepmd_tf.errors import InputError
from deepmd_tf.infer.comparison import evaluate
from deepmd_tf.infer.deep_pot import DeepPot
from deepmd_tf.statistics.fitting import energy_bias


def residuals(
    potential: DeepPot, systems: Sequence[System], weights: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Energies of data minus those of a potential.

    Parameters
    ----------
    potential : DeepPot
        The potential.
    systems : sequence of System
        The data, with types in the order of the potential's type map.
    weights : sequence of ndarray
        For each system how often each frame counts ``[nframes]``, whole numbers.

    Returns
    -------
    tuple of ndarray
        Of every frame that counts and has an energy: the difference (eV) ``[n]``, and the number of atoms of each type
        ``[n, ntypes]``.
    """
    differences, compositions = [np.zeros(0)], [np.zeros((0, potential.get_ntypes()))]
    for system, of_frame in zip(systems, weights, strict=True):
        frames = np.flatnonzero(of_frame)
        if "energy" not in system.labels or not len(frames):
            continue
        difference = np.zeros(len(frames))
        for chosen, part, (energy, *_) in evaluate(potential, system, frames, ["energy"]):
            difference[np.searchsorted(frames, chosen)] = part.energy - energy[:, 0]
        times = of_frame[frames].astype(int)
        differences.append(np.repeat(difference, times))
        compositions.append(np.repeat(system.compositions(frames), times, axis=0))
    return np.concatenate(differences), np.concatenate(compositions)


def shift(
    differences: np.ndarray, compositions: np.ndarray, *, rcond: float | None, kept: Sequence[int] = ()
) -> np.ndarray:
    """Least-squares energy per atom of each type (eV) ``[ntypes]`` that makes up for differences of frames.

    Parameters
    ----------
    differences, compositions : ndarray
        As `residuals` gives them.
    rcond : float or None
        As in `energy_bias`.
    kept : sequence of int
        Types that are given none.

    Returns
    -------
    ndarray
        0 for types that no frame has; of least norm where compositions do not tell types apart.

    Raises
    ------
    InputError
        When there is no frame.
    """
    if not len(differences):
        raise InputError("the data have no energies, so there is nothing to fit the energies of the species to")
    assigned = [0.0 if k in kept else None for k in range(compositions.shape[1])]
    return energy_bias(differences, compositions.astype(float), rcond=rcond, assigned=assigned)
