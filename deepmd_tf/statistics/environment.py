"""One pass over the training frames: neighbor counts, shortest distance, and sums over environment rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from deepmd_tf.data import System, feed
from deepmd_tf.errors import InputError
from deepmd_tf.geometry import COINCIDENT, Neighbors, environment, neighbors
from deepmd_tf.geometry.interacting import interacting_matrix

_ATOMS = 1024
"""Atoms of a piece of work: enough to amortize Python, few enough for their edges to fit into the caches."""


@dataclass(frozen=True)
class NeighborStatistics:
    """Neighbor counts over a set of frames.

    Attributes
    ----------
    max_neighbors : ndarray
        int ``[ntypes]``, the largest number of neighbors of each type within `rcut` of any atom.
    min_distance : float
        Shortest distance between two atoms (Å), inf when no atom has a neighbor.
    """

    max_neighbors: np.ndarray
    min_distance: float


@dataclass(frozen=True)
class EnvironmentStatistics:
    """Normalization of environment rows, per center type.

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
    """Sums over the frames seen, per center type; addition merges two surveys.

    Attributes
    ----------
    centers : ndarray
        Number of centers ``[ntypes]``.
    sums : ndarray
        ``[ntypes, 4]``: over all neighbors, of s, of s squared, and of the angular columns and their squares, the
        three of them together.
    neighbors : NeighborStatistics
        Counts and shortest distance.
    """

    centers: np.ndarray
    sums: np.ndarray
    neighbors: NeighborStatistics

    @classmethod
    def empty(cls, ntypes: int) -> Survey:
        """Return the survey of no frame."""
        return cls(np.zeros(ntypes), np.zeros((ntypes, 4)), NeighborStatistics(np.zeros(ntypes, int), np.inf))

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
            Number of slots per center, sum(sel).
        rcut : float
            Cutoff (Å); types never seen get deviation 1/rcut.
        set_avg_zero : bool
            Leave the mean out of the normalization.
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


def refuse_coincidence(found: Neighbors, place: str, atoms: np.ndarray | None = None) -> None:
    """Raise `InputError` when two atoms coincide: there is no direction between them.

    Parameters
    ----------
    found : Neighbors
        Of one frame.
    place : str
        The frame, for the message.
    atoms : ndarray, optional
        Numbers of the atoms in the file, if there are others between them.
    """
    distance = np.linalg.norm(found.edge_vec, axis=1)
    if distance.min(initial=np.inf) < COINCIDENT:
        edge = int(distance.argmin())
        pair = int(np.searchsorted(found.edge_splits, edge, side="right")) - 1, int(found.neighbor[edge])
        first, second = pair if atoms is None else (int(atoms[k]) for k in pair)
        raise InputError(
            f"{place}: atoms {first} and {second} coincide (distance {distance[edge]:.3g} Å); "
            "remove the frame or fix its coordinates"
        )


class _Part(NamedTuple):
    """Some frames of a system `[n]`, and how often each counts `[n]`."""

    system: System
    frames: np.ndarray
    weights: np.ndarray


def _pieces(systems: Sequence[System], weights: Sequence[np.ndarray]) -> Iterator[list[_Part]]:
    """Yield all frames that count, as many at a time as have about `_ATOMS` atoms."""
    piece, natoms = [], 0
    for system, of_frame in zip(systems, weights, strict=True):
        frames = np.flatnonzero(of_frame)
        step = max(1, _ATOMS // system.natoms)
        for start in range(0, len(frames), step):
            chosen = frames[start : start + step]
            piece.append(_Part(system, chosen, of_frame[chosen]))
            natoms += len(chosen) * system.natoms
            if natoms >= _ATOMS:
                yield piece
                piece, natoms = [], 0
    if piece:
        yield piece


def _look(piece: Sequence[_Part], interacting: np.ndarray, rcut: float, rcut_smth: float) -> Survey:
    """Survey some frames, all at once."""
    ntypes = len(interacting)
    arrays = feed([part.system.geometry(part.frames) for part in piece])
    types, splits = arrays["type"], arrays["frame_splits"]
    try:
        found, most = neighbors.of_frames(
            arrays["coord"], types, splits, arrays["box"], arrays["periodic"], ntypes, rcut
        )
    except InputError:
        _refuse_coincidence_in(piece)
        raise
    weights = np.repeat(np.concatenate([part.weights for part in piece]), np.diff(splits))
    center = np.repeat(np.arange(len(types)), np.diff(found.edge_splits))
    center_type = types[center]
    scale = weights[center] * interacting[center_type, types[found.neighbor]]
    rows = environment.rows(found.edge_vec, rcut, rcut_smth)
    radial, angular = rows[:, 0], rows[:, 1:]
    terms = (radial, radial**2, angular.sum(axis=1), np.einsum("ij,ij->i", angular, angular))
    sums = [np.bincount(center_type, weights=scale * term, minlength=ntypes) for term in terms]
    square = np.einsum("ij,ij->i", found.edge_vec, found.edge_vec).min(initial=np.inf)
    return Survey(
        np.bincount(types, weights=weights, minlength=ntypes),
        np.stack(sums, axis=1),
        NeighborStatistics(most.astype(int), float(np.sqrt(square))),
    )


def _refuse_coincidence_in(piece: Sequence[_Part]) -> None:
    """Find the frame in which two atoms coincide, and name it."""
    for system, frames, _ in piece:
        for frame in frames:
            batch = system.geometry(np.array([frame]))
            atoms = np.flatnonzero(batch.type[0] >= 0)
            coord, types = batch.coord[0, atoms], batch.type[0, atoms]
            if batch.box is None:
                found = neighbors.open(coord, types, COINCIDENT)
            else:
                found = neighbors.periodic(coord, types, batch.box[0], COINCIDENT)
            refuse_coincidence(found, f"{system.path}: frame {frame}", atoms)


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
    """Look at every frame once, some frames in each of several threads.

    Parameters
    ----------
    systems : sequence of System
        The data.
    ntypes : int
        Number of types.
    rcut, rcut_smth : float
        Cutoff and where smoothing begins (Å).
    exclude_types : sequence of pairs of int
        Pairs of types that do not interact: counted as neighbors, but their rows are zero.
    weights : sequence of ndarray, optional
        How often each frame of each system counts ``[nframes]``; once by default. Frames with weight zero are
        skipped.
    progress : callable
        Called with the number of frames done since the last call.

    Raises
    ------
    InputError
        When two atoms of a frame coincide.
    """
    if weights is None:
        weights = [np.ones(system.nframes) for system in systems]
    interacting = interacting_matrix(ntypes, exclude_types)
    total = Survey.empty(ntypes)
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        pieces = _pieces(systems, weights)
        while chunk := list(islice(pieces, 4 * workers)):
            looks = pool.map(lambda piece: _look(piece, interacting, rcut, rcut_smth), chunk)
            for piece, seen in zip(chunk, looks, strict=True):
                total = total + seen
                progress(sum(len(part.frames) for part in piece))
    return total
