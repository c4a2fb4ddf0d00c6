"""The data of a run: loaded, compared with the loss, and listed in the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmd_tf.config import Config, DataConfig, ValidationDataConfig
from deepmd_tf.data import Sampler, System, check_labels, kept_systems, load_systems, summary
from deepmd_tf.data.memory import Memory
from deepmd_tf.data.source import DataSource
from deepmd_tf.errors import InputError
from deepmd_tf.train.ranks import ALONE, Ranks
from deepmd_tf.train.schedule import worker_factor

log = logging.getLogger("deepmd_tf")

_MAX_SYSTEMS_LISTED = 20


@dataclass(frozen=True)
class RunData:
    """Training and validation data of a run.

    Attributes
    ----------
    training : DataSource
        Data that parameters are fitted to.
    validation : DataSource or None
        Data that errors are reported for.
    """

    training: DataSource
    validation: DataSource | None

    def by_purpose(self) -> dict[str, DataSource]:
        """Return the data sets that exist, by "training" and "validation"."""
        sources = {"training": self.training, "validation": self.validation}
        return {purpose: source for purpose, source in sources.items() if source is not None}


def load_data(config: Config, ranks: Ranks = ALONE) -> RunData:
    """Open the training and validation data.

    Parameters
    ----------
    config : Config
        The configuration of the run.
    ranks : Ranks
        Processes that train together.

    Raises
    ------
    InputError
        When files are missing or malformed, contain none of the labels that the loss needs, or a batch has fewer frames
        than there are ranks.
    """
    memory = Memory(sharing=ranks.local_size)
    options = config.training
    training = _open(options.training_data, config, memory, "training", batches_per_step(config, ranks.size))
    _check_share(config, training, ranks.size)
    require_labels("training", training.systems, config)
    if options.validation_data is None:
        return RunData(training, None)
    validation = _open(options.validation_data, config, memory, "validation")
    require_labels("validation", validation.systems, config)
    return RunData(training, validation)


def _open(
    section: DataConfig | ValidationDataConfig, config: Config, memory: Memory, purpose: str, batches: int = 1
) -> DataSource:
    """Open one data set; `batches` are drawn for each step."""
    systems = load_systems(section.systems, config.model.type_map, section.xyz_keys, memory)
    systems = kept_systems(section.batch_size, systems)
    fitting = config.model.fitting_net
    check_labels(systems, numb_fparam=fitting.numb_fparam, numb_aparam=fitting.numb_aparam)
    return DataSource(systems, Sampler.from_config(systems, section, config.training.seed, purpose, batches))


def batches_per_step(config: Config, ranks: int) -> int:
    """Return the number of batches in a training step: one for each rank, or one that all ranks share."""
    return 1 if config.training.share_batch else ranks


def _check_share(config: Config, training: DataSource, ranks: int) -> None:
    """Raise `InputError` when a batch has fewer frames than there are ranks."""
    sampler = training.sampler
    least = int(np.argmin(sampler.batch_sizes))
    frames = sampler.batch_sizes[least] * sampler.draws_per_batch
    if frames < ranks:
        raise InputError(
            f"training.share_batch: {ranks} ranks cannot share a batch of {frames} frames ("
            f"{training.systems[least].path}); use fewer ranks, a larger batch_size, or share_batch false"
        )


def require_labels(purpose: str, systems: Sequence[System], config: Config) -> None:
    """Raise `InputError` when a data set has none of the labels of the loss; warn when systems are missing one."""
    loss = config.loss
    wanted = [
        name
        for name, key in (("energy", "e"), ("force", "f"), ("virial", "v"))
        if getattr(loss, f"start_pref_{key}") or getattr(loss, f"limit_pref_{key}")
    ]
    if not any(name in system.labels for system in systems for name in wanted):
        places = ", ".join(systems[0].place_of(name) for name in wanted)
        raise InputError(f"training.{purpose}_data: the loss needs {places}; no system has any of them")
    for name in wanted:
        unlabeled = [system for system in systems if name not in system.labels]
        if unlabeled:
            log.warning(
                "training.%s_data: %d of %d systems have no %s; the loss and the reported errors leave it out there",
                *(purpose, len(unlabeled), len(systems), unlabeled[0].place_of(name)),
            )


def log_data(data: RunData) -> None:
    """Log one line per system; for a large set, the first systems and the totals."""
    for purpose, source in data.by_purpose().items():
        _log_systems(purpose, source)


def _log_systems(purpose: str, source: DataSource) -> None:
    listed = slice(_MAX_SYSTEMS_LISTED if len(source.systems) > _MAX_SYSTEMS_LISTED + 1 else None)
    sampler = source.sampler
    for row in summary(source.systems[listed], sampler.batch_sizes[listed], sampler.probabilities[listed]):
        log.info(
            "%s: %s  %s%d atoms  %d frames  batch %d  probability %.3g  %s  %s",
            purpose,
            row.path,
            "up to " if row.mixed else "",
            row.natoms,
            row.nframes,
            row.batch_size,
            row.probability,
            "periodic" if row.periodic else "open",
            " ".join(row.labels),
        )
    others = len(source.systems) - len(source.systems[listed])
    if others:
        fewest, most = zip(*(system.size_range for system in source.systems), strict=True)
        log.info(
            "%s: and %d more systems; %d frames of %d to %d atoms in all",
            *(purpose, others, source.nframes, min(fewest), max(most)),
        )
    if sampler.draws_per_batch > 1:
        log.info("%s: batches of %d frames of all systems", purpose, sampler.draws_per_batch)


def log_ranks(config: Config, training: DataSource, ranks: Ranks) -> None:
    """Log the frames per step and the learning rate of a run of several ranks."""
    if ranks.size == 1:
        return
    batches, rate = batches_per_step(config, ranks.size), config.learning_rate
    sampler = training.sampler
    sizes = sorted({size * sampler.draws_per_batch for size in sampler.batch_sizes})
    frames = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    if batches == 1:
        log.info("%d ranks share the %s frames of a batch (training.share_batch)", ranks.size, frames)
        return
    factor = worker_factor(rate.scale_by_worker, batches)
    log.info(
        "%d ranks with a batch of batch_size each: %s frames per rank and step; learning rate %g to %g, %g times that "
        "of the input (learning_rate.scale_by_worker %s)",
        *(ranks.size, frames, rate.start_lr * factor, rate.final_lr * factor, factor, rate.scale_by_worker),
    )
