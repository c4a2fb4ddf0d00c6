"""From a configuration to data, statistics and a model ready to train."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import operator
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from deepmd_tf.config import Config
from deepmd_tf.data import Sampler, System, check_labels, kept_systems, load_systems
from deepmd_tf.data.memory import Memory
from deepmd_tf.errors import InputError
from deepmd_tf.files import check_writable, make_directory
from deepmd_tf.statistics import (
    ModelStatistics,
    NeighborStatistics,
    StoredSurveys,
    Survey,
    fitting_statistics,
    survey,
)
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.schedule import worker_factor
from deepmd_tf.data.source import DataSource

log = logging.getLogger("deepmd_tf")

ALONE = Ranks()

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def check_outputs(config: Config) -> None:
    """Find out, before anything is written or computed, whether the run can write what it is to write.

    Raises
    ------
    InputError
        Naming the key whose file or directory cannot be written.
    """
    options = config.training
    check_writable(options.disp_file, "training.disp_file")
    if options.stat_file is not None and not Path(options.stat_file).is_dir():
        check_writable(options.stat_file, "training.stat_file")
    make_directory(Path(options.save_ckpt).parent, "training.save_ckpt")
    if options.tensorboard:
        make_directory(options.tensorboard_log_dir, "training.tensorboard_log_dir")


def advise(config: Config) -> None:
    """Warn of settings that are allowed but do not do what one would think."""
    model = config.model
    if model.fitting_net.atom_ener and not model.descriptor.zero_when_isolated:
        log.warning(
            "model.fitting_net.atom_ener: isolated atoms get these energies only with model.descriptor.set_davg_zero "
            "true, and with a descriptor of type se_e2_r not even then"
        )


def _source(section, config: Config, memory: Memory, stream: str, batches: int = 1) -> DataSource:
    systems = load_systems(section.systems, config.model.type_map, section.xyz_keys, memory)
    systems = kept_systems(section.batch_size, systems)
    fitting = config.model.fitting_net
    check_labels(systems, numb_fparam=fitting.numb_fparam, numb_aparam=fitting.numb_aparam)
    return DataSource(systems, Sampler.from_config(systems, section, config.training.seed, stream, batches))


def batches_per_step(config: Config, ranks: int) -> int:
    """Return how many batches of `batch_size` a training step sees: one for each rank, or one that they share."""
    return 1 if config.training.share_batch else ranks


def check_share(config: Config, training: DataSource, ranks: int) -> None:
    """Raise `InputError` when a batch has fewer frames than there are ranks."""
    sampler = training.sampler
    least = int(np.argmin(sampler.batch_sizes))
    frames = sampler.batch_sizes[least] * sampler.draws_per_batch
    if frames < ranks:
        raise InputError(
            f"training.share_batch: {ranks} ranks cannot share a batch of {frames} frames ("
            f"{training.systems[least].path}); use fewer ranks, a larger batch_size, or share_batch false"
        )


def report_ranks(config: Config, training: DataSource, ranks: Ranks) -> None:
    """Say what a step sees when several ranks train, and what becomes of the learning rate."""
    if ranks.size == 1:
        return
    batches, rate = batches_per_step(config, ranks.size), config.learning_rate
    sampler = training.sampler
    sizes = sorted({size * sampler.draws_per_batch for size in sampler.batch_sizes})
    frames = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    if batches == 1:
        log.info("%d ranks share the %s frames of a batch (training.share_batch)", ranks.size, frames)
        return
    log.info(
        "%d ranks, each with a batch of batch_size: a step sees %s frames; learning rate %g to %g, %g times that of "
        "the input (learning_rate.scale_by_worker %s)",
        ranks.size,
        frames,
        rate.start_lr * worker_factor(rate.scale_by_worker, batches),
        rate.stop_lr * worker_factor(rate.scale_by_worker, batches),
        worker_factor(rate.scale_by_worker, batches),
        rate.scale_by_worker,
    )


def load_data(config: Config, ranks: int = 1, sharing: int = 1) -> tuple[DataSource, DataSource | None]:
    """Open the training and validation data.

    Parameters
    ----------
    config : Config
        The run.
    ranks : int
        Processes that train together.
    sharing : int
        How many of them share this machine's memory.

    Raises
    ------
    InputError
        When files are missing or malformed, or hold none of the labels that the loss asks for.
    """
    memory = Memory(sharing=sharing)
    training = _source(config.training.training_data, config, memory, "training", batches_per_step(config, ranks))
    check_share(config, training, ranks)
    require_labels("training", training.systems, config)
    section = config.training.validation_data
    if section is None:
        return training, None
    validation = _source(section, config, memory, "validation")
    require_labels("validation", validation.systems, config)
    return training, validation


def require_labels(purpose: str, systems: Sequence[System], config: Config) -> None:
    """Raise `InputError` when a data set has nothing that the loss asks for; warn where some of it is missing."""
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
        lacking = [system for system in systems if name not in system.labels]
        if lacking:
            log.warning(
                "training.%s_data: %d of %d systems have no %s; nothing is learnt or reported of it there",
                *(purpose, len(lacking), len(systems), lacking[0].place_of(name)),
            )


def resolve_seed(config: Config, stored: dict | None = None) -> Config:
    """Fix the seed of the data order: the given one, else that of the checkpoint, else a fresh one."""
    seed = config.training.seed
    if seed is None and stored is not None:
        seed = stored["training"]["seed"]
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        log.info("training.seed: not given, using %d", seed)
    return dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed))


def suggested_sel(neighbors: NeighborStatistics, factor: float = 1.1) -> tuple[int, ...]:
    """Slots per type with room to spare: the largest count times `factor`, up to a multiple of four."""
    return tuple(max(4, 4 * math.ceil(count * factor / 4)) for count in neighbors.max_neighbors)


def resolve_sel(config: Config, neighbors: Sequence[NeighborStatistics]) -> Config:
    """Replace ``sel: "auto"`` by numbers from the data, of the neighbors of each member of the descriptor."""
    descriptor = config.model.descriptor
    members = []
    for k, (member, of_member) in enumerate(zip(descriptor.members, neighbors, strict=True)):
        sel = member.sel
        if isinstance(sel, str):
            _, _, factor = sel.partition(":")
            sel = suggested_sel(of_member, float(factor or 1.1))
            log.info("%s.sel: %s gives %s", descriptor.place_of(k), member.sel, list(sel))
        members.append(dataclasses.replace(member, sel=sel))
    descriptor = descriptor.with_members(tuple(members))
    return dataclasses.replace(config, model=dataclasses.replace(config.model, descriptor=descriptor))


def report_sel(config: Config, max_neighbors: Sequence[Sequence[int]]) -> bool:
    """Warn when a `sel` is smaller than the data needs, given the counts for each member; return whether it is."""
    descriptor, type_map = config.model.descriptor, config.model.type_map
    return any(
        [
            _report_sel(descriptor.place_of(k), type_map, member.sel, of_member)
            for k, (member, of_member) in enumerate(zip(descriptor.members, max_neighbors, strict=True))
        ]
    )


def _report_sel(place: str, type_map: Sequence[str], sel: Sequence[int], max_neighbors: Sequence[int]) -> bool:
    short = [
        f"{name}: {count} neighbors, sel {slots}"
        for name, slots, count in zip(type_map, sel, max_neighbors, strict=True)
        if count > slots
    ]
    if short:
        enough = [max(slots, int(count)) for slots, count in zip(sel, max_neighbors, strict=True)]
        log.warning(
            "%s.sel is smaller than the data needs (%s): training and native graphs count "
            "all of them, but DeePMD-kit and portable graphs leave out the farthest, and energies jump as they change; "
            "use sel %s",
            place,
            "; ".join(short),
            enough,
        )
    return bool(short)


def _frame_weights(config: Config, source: DataSource) -> list[np.ndarray]:
    """How often each frame counts in the statistics.

    Once, or with ``model.data_stat_nbatch`` = n as DeePMD-kit counts: n batches of every system, a smaller system's
    frames going round again, so that all systems have a weight in proportion to their batch size (N with `mixed:N`).
    """
    batches = config.model.data_stat_nbatch
    if batches is None:
        return [np.ones(system.nframes) for system in source.systems]
    weights = []
    sampler = source.sampler
    for system, size in zip(source.systems, sampler.batch_sizes, strict=True):
        rounds, rest = divmod(batches * size * sampler.draws_per_batch, system.nframes)
        weights.append(rounds + (np.arange(system.nframes) < rest).astype(float))
    return weights


def _of_rank(weights: list[np.ndarray], ranks: Ranks) -> list[np.ndarray]:
    """The weights with zeros for frames that other ranks look at; each has as many, one after another."""
    flat = np.concatenate(weights)
    counting = np.flatnonzero(flat)
    mine = counting[len(counting) * ranks.rank // ranks.size : len(counting) * (ranks.rank + 1) // ranks.size]
    of_rank = np.zeros_like(flat)
    of_rank[mine] = flat[mine]
    return np.split(of_rank, np.cumsum([len(of_frame) for of_frame in weights])[:-1])


def weights_of_rank(config: Config, source: DataSource, ranks: Ranks) -> list[np.ndarray]:
    """How often each frame counts in the statistics that this rank computes ``[nframes]``, for each system."""
    return _of_rank(_frame_weights(config, source), ranks)


def _look(
    config: Config, source: DataSource, weights: list[np.ndarray], progress: Progress, ranks: Ranks
) -> list[Survey]:
    """Look at the frames that count, every rank at its share of them, once for each member of the descriptor.

    Members that see the same share a look.
    """
    views = [(member.rcut, member.rcut_smth, member.exclude_types) for member in config.model.descriptor.members]
    stored = StoredSurveys(config.training.stat_file, source.systems)
    found = ranks.broadcast([stored.find(weights, view) for view in views] if ranks.rank == 0 else None)
    seen = dict(zip(views, found, strict=True))
    unseen = [view for view in seen if seen[view] is None]
    of_rank = _of_rank(weights, ranks)
    with progress(len(unseen) * sum(np.count_nonzero(of_frame) for of_frame in of_rank)) as advance:
        for view in unseen:
            begin = time.monotonic()
            rcut, rcut_smth, exclude_types = view
            mine = survey(
                source.systems,
                len(config.model.type_map),
                rcut,
                rcut_smth,
                exclude_types=exclude_types,
                weights=of_rank,
                progress=advance,
            )
            seen[view] = functools.reduce(operator.add, ranks.gather(mine))
            if ranks.rank == 0:
                stored.keep(weights, view, seen[view], time.monotonic() - begin)
    return [seen[view] for view in views]


def _all_neighbors(config: Config, source: DataSource, progress: Progress, ranks: Ranks) -> list[NeighborStatistics]:
    every = [np.ones(system.nframes) for system in source.systems]
    return [of_member.neighbors for of_member in _look(config, source, every, progress, ranks)]


def check_sel(config: Config, source: DataSource, progress: Progress, ranks: Ranks = ALONE) -> None:
    """Compare `sel` with the neighbors in all the data, and warn when it is smaller."""
    neighbors = _all_neighbors(config, source, progress, ranks)
    report_sel(config, [of_member.max_neighbors for of_member in neighbors])


def measure(
    config: Config, source: DataSource, *, skip_neighbor_stat: bool, progress: Progress, ranks: Ranks = ALONE
) -> tuple[Config, ModelStatistics, dict]:
    """Learn from the training data what the model needs before the first step.

    Parameters
    ----------
    config : Config
        The run; ``model.data_stat_nbatch`` limits how many batches of each system the statistics see.
    source : DataSource
        The training data.
    skip_neighbor_stat : bool
        Do not look at frames beyond those only to compare `sel` with their neighbors.
    progress : callable
        Makes a context from the number of frames to look at; it gives a function to call with the frames done.
    ranks : Ranks
        Each looks at its share of the frames; all get the same.

    Returns
    -------
    tuple
        The configuration with `sel` as numbers, the statistics, and the facts that the frozen graph will carry.
    """
    model = config.model
    weights = _frame_weights(config, source)
    seen = _look(config, source, weights, progress, ranks)
    neighbors = [of_member.neighbors for of_member in seen]
    if not (skip_neighbor_stat or all(of_frame.all() for of_frame in weights)):
        neighbors = _all_neighbors(config, source, progress, ranks)
    config = resolve_sel(config, neighbors)
    report_sel(config, [of_member.max_neighbors for of_member in neighbors])
    environment = tuple(
        of_member.environment(
            sum(member.sel), member.rcut, set_avg_zero=member.set_davg_zero, floor=model.data_stat_protect
        )
        for member, of_member in zip(config.model.descriptor.members, seen, strict=True)
    )
    fitting = fitting_statistics(
        source.systems, model.fitting_net, len(model.type_map), weights=weights, floor=model.data_stat_protect
    )
    fitting = ranks.broadcast(fitting)
    shortest = min(of_member.min_distance for of_member in neighbors)
    return config, ModelStatistics(environment, fitting), {"min_nbor_dist": shortest}
