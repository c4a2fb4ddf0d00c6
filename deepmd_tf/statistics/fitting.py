"""Statistics for the fitting net: energy per type, and scales of frame and atomic parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FittingStatistics:
    """Statistics for the fitting net.

    Attributes
    ----------
    energy_bias : ndarray
        Energy per atom of each type (eV) ``[ntypes]``.
    fparam, aparam : tuple of ndarray, optional
        Mean and standard deviation of the frame and atomic parameters, each ``[width]``.
    """

    energy_bias: np.ndarray
    fparam: tuple[np.ndarray, np.ndarray] | None = None
    aparam: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def blank(cls, ntypes: int, numb_fparam: int = 0, numb_aparam: int = 0) -> FittingStatistics:
        """Return statistics with zero bias, mean zero and standard deviation one."""
        return cls(
            np.zeros(ntypes),
            (np.zeros(numb_fparam), np.ones(numb_fparam)) if numb_fparam else None,
            (np.zeros(numb_aparam), np.ones(numb_aparam)) if numb_aparam else None,
        )


def energy_bias(
    energies: np.ndarray, compositions: np.ndarray, *, rcond: float | None, assigned: Sequence[float | None] = ()
) -> np.ndarray:
    """Return the least-squares energy per atom of each type.

    Parameters
    ----------
    energies : ndarray
        Frame energies (eV) ``[nframes]``.
    compositions : ndarray
        Number of atoms of each type ``[nframes, ntypes]``.
    rcond : float or None
        Singular values below `rcond` times the largest are treated as zero; None is machine precision times the larger
        dimension.
    assigned : sequence of float or None
        Fixed energies per type. None entries are fitted; if it is empty, all are fitted.

    Returns
    -------
    ndarray
        Energies (eV) ``[ntypes]``: the solution of least norm if the data do not determine it; 0 for types without
        atoms.
    """
    ntypes = compositions.shape[1]
    given = np.array([np.nan if e is None else e for e in assigned]) if len(assigned) else np.full(ntypes, np.nan)
    free = np.isnan(given)
    bias = np.where(free, 0.0, given)
    rest = energies - compositions @ bias
    if free.any():
        bias[free] = np.linalg.lstsq(compositions[:, free], rest, rcond=rcond)[0]
    return bias


def _mean_and_std(values: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    std = values.std(axis=0)
    return values.mean(axis=0), np.maximum(std, floor)


def fitting_statistics(
    systems: Sequence, config, ntypes: int, *, weights: Sequence[np.ndarray] | None = None, floor: float = 1e-2
) -> FittingStatistics:
    """Return the energy bias and the scales of parameters of the training data.

    Parameters
    ----------
    systems : sequence of System
        The training data.
    config : EnergyFittingConfig
        The section ``model.fitting_net``.
    ntypes : int
        Number of types.
    weights : sequence of ndarray, optional
        Number of times that each frame of each system counts ``[nframes]``; 1 by default.
    floor : float
        Smallest standard deviation of a parameter.
    """
    if weights is None:
        weights = [np.ones(system.nframes) for system in systems]
    energies, compositions = [], []
    parameters: dict[str, list[np.ndarray]] = {"fparam": [], "aparam": []}
    widths = {"fparam": config.numb_fparam, "aparam": config.numb_aparam}
    for system, of_frame in zip(systems, weights, strict=True):
        frames = np.repeat(np.arange(system.nframes), of_frame.astype(int))
        if "energy" in system.labels:
            energies.append(system.rows("energy", frames)[:, 0])
            compositions.append(system.compositions(frames))
        for name, rows in parameters.items():
            if widths[name]:
                values = system.rows(name, frames).reshape(-1, widths[name])
                rows.append(values if name == "fparam" else values[system.types(frames).ravel() >= 0])
    assigned = config.atom_ener or ()
    if energies:
        bias = energy_bias(
            np.concatenate(energies),
            np.concatenate(compositions).astype(float),
            rcond=config.rcond,
            assigned=assigned,
        )
    else:
        bias = np.array([e or 0.0 for e in assigned]) if assigned else np.zeros(ntypes)
    scales = {name: _mean_and_std(np.concatenate(rows), floor) for name, rows in parameters.items() if rows}
    return FittingStatistics(bias, **scales)
