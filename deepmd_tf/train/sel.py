"""Neighbor slots (`sel`) compared with the neighbors in the data."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence

import numpy as np

from deepmd_tf.config import Config
from deepmd_tf.statistics import NeighborStatistics

log = logging.getLogger("deepmd_tf")


def suggested_sel(neighbors: NeighborStatistics, factor: float = 1.1) -> tuple[int, ...]:
    """Return slots per type: the largest count times `factor`, rounded up to a multiple of four."""
    return tuple(max(4, 4 * math.ceil(count * factor / 4)) for count in neighbors.max_neighbors)


def resolve_sel(config: Config, neighbors: Sequence[NeighborStatistics]) -> Config:
    """Replace ``sel: "auto"`` by numbers, given the neighbors of each member of the descriptor."""
    descriptor = config.model.descriptor
    members = []
    for k, (member, counts) in enumerate(zip(descriptor.members, neighbors, strict=True)):
        sel = member.sel
        if isinstance(sel, str):
            _, _, factor = sel.partition(":")
            sel = suggested_sel(counts, float(factor or 1.1))
            log.info("%s.sel: %s gives %s", descriptor.place_of(k), member.sel, list(sel))
        members.append(dataclasses.replace(member, sel=sel))
    descriptor = descriptor.with_members(tuple(members))
    return dataclasses.replace(config, model=dataclasses.replace(config.model, descriptor=descriptor))


def warn_of_small_sel(config: Config, max_neighbors: Sequence[Sequence[int]]) -> bool:
    """Warn when a `sel` is smaller than the largest counts of a member's neighbors; return whether one is."""
    descriptor, type_map = config.model.descriptor, config.model.type_map
    return any(
        [
            _warn_of_member(descriptor.place_of(k), type_map, member.sel, counts)
            for k, (member, counts) in enumerate(zip(descriptor.members, max_neighbors, strict=True))
        ]
    )


def _warn_of_member(place: str, type_map: Sequence[str], sel: Sequence[int], max_neighbors: Sequence[int]) -> bool:
    short = [
        f"{name}: {count} neighbors, sel {slots}"
        for name, slots, count in zip(type_map, sel, max_neighbors, strict=True)
        if count > slots
    ]
    if short:
        enough = [max(slots, int(count)) for slots, count in zip(sel, max_neighbors, strict=True)]
        log.warning(
            "%s.sel is smaller than the data needs (%s): training and native graphs use all neighbors, but DeePMD-kit "
            "and portable graphs leave out the farthest ones, and their energies jump when neighbors change places; "
            "use sel %s",
            *(place, "; ".join(short), enough),
        )
    return bool(short)


class SelMonitor:
    """Largest numbers of neighbors seen in training, compared with `sel` until the first warning.

    Parameters
    ----------
    config : Config
        The configuration of the run.
    """

    def __init__(self, config: Config):
        self._config, self._members = config, len(config.model.descriptor.members)
        self._largest = np.zeros(self._members * len(config.model.type_map), int)
        self._warned = False

    def add(self, max_neighbors: np.ndarray) -> None:
        """Add the counts of a batch ``[members * ntypes]``."""
        self._largest = np.maximum(self._largest, max_neighbors)
        if not self._warned:
            self._warned = warn_of_small_sel(self._config, np.split(self._largest, self._members))
