"""One pass over the training frames: neighbour counts, shortest distance, and sums over environment rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.geometry import COINCIDENT, Neighbors, environment, neighbors


@dataclass(frozen=True)
class NeighborStatistics:
    """Neighbour counts over a set of frames.

    Attributes
    ----------
    max_neighbors : ndarray
        int ``[ntypes]``, the largest number of neighbours of each type within `rcut` of any atom.
    min_distance : float
        Shortest distance between two atoms (Å), inf when no atom has a neighbour.
    """

    max_neighbors: np.ndarray
    min_distance: float


@dataclass(frozen=True)
class EnvironmentStatistics:
    """Normalisation of environment rows, per centre type.

    Attributes
    ----------
    avg : ndarray
        Mean of the radial column ``[ntypes]``; the angular columns have mean zero.
    std_radial, std_angular : ndarray
        Standard deviations ``[ntypes]``.
    """

    avg: np.ndarray
    std_radial: np.ndarray
    std_angular: np.ndarray

    def tables(self, nnei: int, columns: int = 4) -> tuple[np.ndarray, np.ndarray]:
        """Spread over slots: the ``t_avg`` and ``t_std`` ``[ntypes, nnei * columns]`` of the frozen graph.

        Parameters
        ----------
        nnei : int
            Number of slots.
        columns : int
            Of the environment rows, 4 for whole ones, 1 for the radial column alone.
        """
        zero = np.zeros_like(self.avg)
        avg = np.stack([self.avg, zero, zero, zero], axis=1)[:, :columns]
        std = np.stack([self.std_radial, *[self.std_angular] * 3], axis=1)[:, :columns]
        return np.tile(avg, (1, nnei)), np.tile(std, (1, nnei))

    @classmethod
    def blank(cls, ntypes: int) -> EnvironmentStatistics:
        """Mean zero and deviation one."""
        return cls(np.zeros(ntypes), np.ones(ntypes), np.ones(ntypes))


@dataclass(frozen=True)
class Survey:
    """Sums over the frames seen, per centre type; addition merges two surveys.

    Attributes
    ----------
    centers : ndarray
        Number of centres ``[ntypes]``.
    sums : ndarray
        ``[ntypes, 4]``: over all neighbours, of s, of s squared, and of the angular columns and their squares, the
        three of them together.
    neighbors : NeighborStatistics
        Counts and shortest distance.
    """

    centers: np.ndarray
    sums: np.ndarray
    neighbors: NeighborStatistics

    @classmethod
    def empty(cls, ntypes: int) -> Survey:
        """Nothing seen."""
        return cls(np.zeros(ntypes), np.zeros((ntypes, 4)), NeighborStatistics(np.zeros(ntypes, int), np.inf))

    def times(self, weight: float) -> Survey:
        """Count what was seen `weight` times."""
        return Survey(self.centers * weight, self.sums * weight, self.neighbors)

    def __add__(self, other: Survey) -> Survey:
        """Merge."""
        mine, its = self.neighbors, other.neighbors
        return Survey(
            self.centers + other.centers,
            self.sums + other.sums,
            NeighborStatistics(
                np.maximum(mine.max_neighbors, its.max_neighbors), min(mine.min_distance, its.min_distance)
            ),
        )

    def environment(
        self, nnei: int, rcut: float, *, set_avg_zero: bool = False, floor: float = 1e-2
    ) -> EnvironmentStatistics:
        """Mean and deviation over all ``nnei`` slots, empty ones included (CONTRACT, section 1).

        Parameters
        ----------
        nnei : int
            Number of slots per centre, sum(sel).
        rcut : float
            Cutoff (Å); types never seen get deviation 1/rcut.
        set_avg_zero : bool
            Leave the mean out of the normalisation.
        floor : float
            Smallest deviation.
        """
        seen = self.centers > 0
        slots = np.where(seen, self.centers, 1.0) * nnei
        mean, mean_square = self.sums[:, 0] / slots, self.sums[:, 1] / slots
        radial = np.sqrt(np.maximum(mean_square - mean**2, 0.0))
        angular_mean, angular_square = self.sums[:, 2] / (3.0 * slots), self.sums[:, 3] / (3.0 * slots)
        angular = np.sqrt(np.maximum(angular_square - angular_mean**2, 0.0))
        avg = np.zeros_like(mean) if set_avg_zero else mean

        def deviation(value):
            return np.where(seen, np.maximum(value, floor), 1.0 / rcut)

        return EnvironmentStatistics(avg, deviation(radial), deviation(angular))


def _refuse_coincidence(found: Neighbors, place: str) -> None:
    """Raise `InputError` when two atoms coincide: there is no direction between them."""
    distance = np.linalg.norm(found.edge_vec, axis=1)
    if distance.min(initial=np.inf) < COINCIDENT:
        edge = int(distance.argmin())
        first = int(np.searchsorted(found.edge_splits, edge, side="right")) - 1
        raise InputError(
            f"{place}: atoms {first} and {found.neighbor[edge]} coincide (distance {distance[edge]:.3g} Å); "
            "remove the frame or mend its coordinates"
        )


def _survey_frame(
    found: Neighbors, types: np.ndarray, interacting: np.ndarray, rcut: float, rcut_smth: float
) -> Survey:
    ntypes = len(interacting)
    edges = np.diff(found.edge_splits)
    center = np.repeat(np.arange(len(types)), edges)
    counts = np.zeros((len(types), ntypes), dtype=int)
    np.add.at(counts, (center, types[found.neighbor]), 1)
    distance = np.linalg.norm(found.edge_vec, axis=1).min(initial=np.inf)
    rows = environment.rows(found.edge_vec, rcut, rcut_smth)
    rows = rows * interacting[types[center], types[found.neighbor]][:, None]
    radial, angular = rows[:, 0], rows[:, 1:]
    terms = np.stack([radial, radial**2, angular.sum(axis=1), (angular**2).sum(axis=1)], axis=1)
    sums = np.stack([np.bincount(types[center], weights=term, minlength=ntypes) for term in terms.T], axis=1)
    return Survey(
        np.bincount(types, minlength=ntypes).astype(float),
        sums,
        NeighborStatistics(counts.max(axis=0, initial=0), float(distance)),
    )


def _frames(systems: Sequence, weights: Sequence[np.ndarray]) -> Iterable[tuple]:
    for system, of_frame in zip(systems, weights, strict=True):
        for index in np.flatnonzero(of_frame):
            yield system, index, of_frame[index]


def survey(
    systems: Sequence,
    ntypes: int,
    rcut: float,
    rcut_smth: float,
    *,
    exclude_types: Sequence[tuple[int, int]] = (),
    weights: Sequence[np.ndarray] | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> Survey:
    """Look at every frame once, in parallel over frames.

    Parameters
    ----------
    systems : sequence of System
        The data.
    ntypes : int
        Number of types.
    rcut, rcut_smth : float
        Cutoff and where smoothing begins (Å).
    exclude_types : sequence of pairs of int
        Pairs of types that do not interact: counted as neighbours, but their rows are zero.
    weights : sequence of ndarray, optional
        How often each frame of each system counts ``[nframes]``; once by default. Frames that count zero times are not
        looked at.
    progress : callable
        Called with the number of frames done since the last call.

    Raises
    ------
    InputError
        When two atoms of a frame coincide.
    """
    if weights is None:
        weights = [np.ones(system.nframes) for system in systems]
    interacting = np.ones((ntypes, ntypes))
    for a, b in exclude_types:
        interacting[a, b] = interacting[b, a] = 0.0

    def look(item) -> Survey:
        system, index, weight = item
        batch = next(system.frames([index]).without_padding())[1]
        coord, types = batch.coord[0], batch.type[0]
        if batch.box is None:
            found = neighbors.open(coord, types, rcut)
        else:
            found = neighbors.periodic(coord, types, batch.box[0], rcut)
        _refuse_coincidence(found, f"{system.path}: frame {index}")
        return _survey_frame(found, types, interacting, rcut, rcut_smth).times(weight)

    total = Survey.empty(ntypes)
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        frames = iter(_frames(systems, weights))
        while chunk := list(islice(frames, 16 * workers)):
            for result in pool.map(look, chunk):
                total = total + result
            progress(len(chunk))
    return total
