"""Statistics of the training data that a model needs before the first step."""

from __future__ import annotations

import functools
import operator
import time
from dataclasses import dataclass

import numpy as np

from deepmd_tf.config import Config
from deepmd_tf.data.source import DataSource
from deepmd_tf.statistics import (
    ModelStatistics,
    NeighborStatistics,
    StoredSurveys,
    Survey,
    fitting_statistics,
    survey,
)
from deepmd_tf.train.ranks import ALONE, Ranks
from deepmd_tf.train.report import frame_progress
from deepmd_tf.train.sel import resolve_sel, warn_of_small_sel


@dataclass(frozen=True)
class Measured:
    """Results of `measure`.

    Attributes
    ----------
    config : Config
        The configuration with `sel` in numbers.
    statistics : ModelStatistics
        Normalization of the descriptor and the fitting net.
    facts : dict
        Facts about the data that the frozen graph stores (``min_nbor_dist``).
    """

    config: Config
    statistics: ModelStatistics
    facts: dict


def frame_weights(config: Config, source: DataSource) -> list[np.ndarray]:
    """Return the weight of each frame in the statistics ``[nframes]``, for each system.

    The weight is 1, or follows DeePMD-kit's rule when ``model.data_stat_nbatch`` is n: n batches of every system, with
    the frames of a small system repeated, so that systems count in proportion to their batch size (N with `mixed:N`).
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


def weights_of_rank(weights: list[np.ndarray], ranks: Ranks) -> list[np.ndarray]:
    """Return the weights with zeros for frames of other ranks; each rank has a contiguous share of equal size."""
    flat = np.concatenate(weights)
    used = np.flatnonzero(flat)
    own = used[len(used) * ranks.rank // ranks.size : len(used) * (ranks.rank + 1) // ranks.size]
    result = np.zeros_like(flat)
    result[own] = flat[own]
    return np.split(result, np.cumsum([len(each) for each in weights])[:-1])


def _survey_members(config: Config, source: DataSource, weights: list[np.ndarray], ranks: Ranks) -> list[Survey]:
    """Return the survey of the weighted frames for each member of the descriptor.

    Ranks share the frames, members with the same cutoff and exclusions share a survey, and surveys of the same data are
    read from ``training.stat_file`` when it has them.
    """
    views = [(member.rcut, member.rcut_smth, member.exclude_types) for member in config.model.descriptor.members]
    stored = StoredSurveys(config.training.stat_file, source.systems)
    found = ranks.broadcast([stored.find(weights, view) for view in views] if ranks.leads else None)
    surveys = dict(zip(views, found, strict=True))
    missing = [view for view in surveys if surveys[view] is None]
    own = weights_of_rank(weights, ranks)
    with frame_progress(len(missing) * sum(np.count_nonzero(each) for each in own)) as advance:
        for view in missing:
            begin = time.monotonic()
            rcut, rcut_smth, exclude_types = view
            part = survey(
                source.systems,
                len(config.model.type_map),
                rcut,
                rcut_smth,
                exclude_types=exclude_types,
                weights=own,
                progress=advance,
            )
            surveys[view] = functools.reduce(operator.add, ranks.gather(part))
            if ranks.leads:
                stored.keep(weights, view, surveys[view], time.monotonic() - begin)
    return [surveys[view] for view in views]


def _all_neighbors(config: Config, source: DataSource, ranks: Ranks) -> list[NeighborStatistics]:
    """Return the neighbors in all frames, for each member of the descriptor."""
    every = [np.ones(system.nframes) for system in source.systems]
    return [each.neighbors for each in _survey_members(config, source, every, ranks)]


def check_sel(config: Config, source: DataSource, ranks: Ranks = ALONE) -> None:
    """Compare `sel` with the neighbors in all frames, and warn when it is smaller."""
    neighbors = _all_neighbors(config, source, ranks)
    warn_of_small_sel(config, [each.max_neighbors for each in neighbors])


def measure(config: Config, source: DataSource, *, skip_neighbor_stat: bool = False, ranks: Ranks = ALONE) -> Measured:
    """Measure everything that the model needs to know about the training data before the first step.

    Parameters
    ----------
    config : Config
        The configuration of the run; ``model.data_stat_nbatch`` limits the batches of each system in the statistics.
    source : DataSource
        The training data.
    skip_neighbor_stat : bool
        Whether to skip the frames that are read only to compare `sel` with their neighbors.
    ranks : Ranks
        Processes that share the frames; all get the same result.
    """
    model = config.model
    weights = frame_weights(config, source)
    surveys = _survey_members(config, source, weights, ranks)
    neighbors = [each.neighbors for each in surveys]
    if not (skip_neighbor_stat or all(each.all() for each in weights)):
        neighbors = _all_neighbors(config, source, ranks)
    config = resolve_sel(config, neighbors)
    warn_of_small_sel(config, [each.max_neighbors for each in neighbors])
    environment = tuple(
        each.environment(sum(member.sel), member.rcut, set_avg_zero=member.set_davg_zero, floor=model.data_stat_protect)
        for member, each in zip(config.model.descriptor.members, surveys, strict=True)
    )
    fitting = fitting_statistics(
        source.systems, model.fitting_net, len(model.type_map), weights=weights, floor=model.data_stat_protect
    )
    fitting = ranks.broadcast(fitting)
    shortest = min(each.min_distance for each in neighbors)
    return Measured(config, ModelStatistics(environment, fitting), {"min_nbor_dist": shortest})
