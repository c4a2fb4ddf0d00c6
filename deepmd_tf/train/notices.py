"""Warnings about unusual data before training, which cost no more than reading energies and types."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from deepmd_tf.config import Config
from deepmd_tf.data import System
from deepmd_tf.data.checks import ENERGY_ROUNDING
from deepmd_tf.statistics.inspection import SPREADS, energy_deviations

log = logging.getLogger("deepmd_tf")

MAX_SHOWN = 5


def warn_of_settings(config: Config) -> None:
    """Log settings that are allowed but may not have the expected effect."""
    if config.optimizer is None:
        log.info(
            "the input has no section optimizer, so training uses Adam; the optimizer SOAP with a start_lr of 0.01 "
            "reaches the same error in far fewer steps (docs/training.md)"
        )
    model = config.model
    if model.fitting_net.atom_ener and not model.descriptor.zero_when_isolated:
        log.warning(
            "model.fitting_net.atom_ener: isolated atoms get these energies only if model.descriptor.set_davg_zero "
            "is true, and never with a descriptor of type se_e2_r"
        )


def warn_of_oddities(data: Mapping[str, Sequence[System]], type_map: Sequence[str]) -> None:
    """Log all warnings about the data.

    Parameters
    ----------
    data
        Systems by purpose: training and, if given, validation.
    type_map
        Names of the species of the model.
    """
    for purpose, systems in data.items():
        warn_of_rounding(purpose, systems)
        warn_of_energies(purpose, systems)
    warn_of_species({purpose: type_counts(systems) for purpose, systems in data.items()}, type_map)


def type_counts(systems: Sequence[System]) -> np.ndarray:
    """Return the number of atoms of each type in all frames, `[ntypes]`."""
    compositions, times = _compositions(systems)
    return times @ compositions


def warn_of_rounding(purpose: str, systems: Sequence[System]) -> None:
    """Warn when energies are stored with fewer digits than training needs."""
    rounding = [system.energy_rounding for system in systems]
    coarse = sum(each > ENERGY_ROUNDING for each in rounding)
    if coarse:
        worst = int(np.argmax(rounding))
        log.warning(
            "training.%s_data: %d of %d systems have energies in float32, whose rounding is up to %.2g eV per atom "
            "(%s); write them in float64, or subtract the energies of isolated atoms first",
            purpose,
            coarse,
            len(systems),
            rounding[worst],
            systems[worst].path,
        )


def warn_of_energies(purpose: str, systems: Sequence[System]) -> float | None:
    """Warn about energies far from those expected from the composition.

    Returns
    -------
    float or None
        Usual deviation in eV per atom; None without energies.
    """
    labeled = [system for system in systems if "energy" in system.labels]
    if not labeled:
        return None
    energies = np.concatenate([system.rows("energy", np.arange(system.nframes))[:, 0] for system in labeled])
    deviation, spread = energy_deviations(energies, np.repeat(*_compositions(labeled), axis=0))
    ends = np.cumsum([system.nframes for system in labeled])
    far = np.flatnonzero(np.abs(deviation) > SPREADS * spread)
    for frame in far[np.argsort(-np.abs(deviation[far]), kind="stable")][:MAX_SHOWN]:
        owner = int(np.searchsorted(ends, frame, side="right"))
        log.warning(
            "training.%s_data: %s: frame %d: an energy of %.6f eV is %+.3g eV per atom away from that of its "
            "composition, where %.3g is usual; check this frame",
            purpose,
            labeled[owner].path,
            frame - ends[owner] + labeled[owner].nframes,
            energies[frame],
            deviation[frame],
            spread,
        )
    if len(far) > MAX_SHOWN:
        log.warning("training.%s_data: %d more frames have such energies", purpose, len(far) - MAX_SHOWN)
    return spread


def _compositions(systems: Sequence[System]) -> tuple[np.ndarray, np.ndarray]:
    """Return the compositions of the frames, one row for equal frames of a system.

    Returns
    -------
    tuple of ndarray
        Numbers of atoms of each type `[n, ntypes]`, and numbers of frames `[n]`.
    """
    ntypes = systems[0].ntypes
    alike = [system for system in systems if not system.mixed]
    numbers = np.repeat(np.arange(len(alike)), [system.natoms for system in alike])
    types = np.concatenate([np.zeros(0, np.int64), *(system.type for system in alike)])
    of_alike = iter(np.bincount(types + ntypes * numbers, minlength=len(alike) * ntypes).reshape(-1, 1, ntypes))
    rows = [system.compositions(np.arange(system.nframes)) if system.mixed else next(of_alike) for system in systems]
    times = [1 if system.mixed else system.nframes for system in systems]
    return np.concatenate(rows), np.repeat(times, [len(each) for each in rows])


def warn_of_species(seen: Mapping[str, np.ndarray], type_map: Sequence[str]) -> None:
    """Warn about species without training data; `seen` is the number of atoms of each type by purpose."""
    if "training" not in seen:
        return
    absent = [name for name, count in zip(type_map, seen["training"], strict=True) if not count]
    if absent:
        log.warning(
            "model.type_map: the training data have no atom of %s; their parameters are not trained", ", ".join(absent)
        )
    tested = [name for name, count in zip(type_map, seen.get("validation", ()), strict=False) if count]
    if unknown := [name for name in tested if name in absent]:
        log.warning(
            "training.validation_data: has atoms of %s, which are missing from the training data", ", ".join(unknown)
        )
