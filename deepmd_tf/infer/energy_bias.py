"""Least-squares energy shift per species between a potential and data."""

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
    """Return the energies of data minus the energies of a potential.

    Parameters
    ----------
    potential : DeepPot
        The potential.
    systems : sequence of System
        The data, with types in the order of the potential's type map.
    weights : sequence of ndarray
        Multiplicity of each frame of each system ``[nframes]``, whole numbers.

    Returns
    -------
    tuple of ndarray
        Energy difference (eV) ``[n]`` and number of atoms of each type ``[n, ntypes]`` of the frames that have an
        energy label, each repeated by its multiplicity.
    """
    differences, compositions = [np.zeros(0)], [np.zeros((0, potential.get_ntypes()))]
    for system, multiplicity in zip(systems, weights, strict=True):
        frames = np.flatnonzero(multiplicity)
        if "energy" not in system.labels or not len(frames):
            continue
        difference = np.zeros(len(frames))
        for chosen, part, (energy, *_) in evaluate(potential, system, frames, ["energy"]):
            difference[np.searchsorted(frames, chosen)] = part.energy - energy[:, 0]
        times = multiplicity[frames].astype(int)
        differences.append(np.repeat(difference, times))
        compositions.append(np.repeat(system.compositions(frames), times, axis=0))
    return np.concatenate(differences), np.concatenate(compositions)


def shift(
    differences: np.ndarray, compositions: np.ndarray, *, rcond: float | None, kept: Sequence[int] = ()
) -> np.ndarray:
    """Fit an energy shift per species to energy differences of frames by least squares.

    Parameters
    ----------
    differences, compositions : ndarray
        Results of `residuals`.
    rcond : float or None
        Relative cutoff for small singular values, see `energy_bias`.
    kept : sequence of int
        Types that are not shifted.

    Returns
    -------
    ndarray
        Energy shift per atom of each type (eV) ``[ntypes]``, 0 for types that occur in no frame. If the compositions do
        not determine the shift, the solution of least norm.

    Raises
    ------
    InputError
        If there are no frames.
    """
    if not len(differences):
        raise InputError("the data have no energies; expected energy labels, to fit the energies per species to")
    assigned = [0.0 if k in kept else None for k in range(compositions.shape[1])]
    return energy_bias(differences, compositions.astype(float), rcond=rcond, assigned=assigned)
