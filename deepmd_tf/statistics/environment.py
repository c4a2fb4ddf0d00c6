"""Survey of the training frames: neighbor counts, shortest distance, and sums over environment rows."""

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
        Largest number of neighbors of each type within `rcut` of any atom, int ``[ntypes]``.
    min_distance : float
        Shortest distance between two atoms (Å); inf if no atom has a neighbor.
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
        """Return ``t_avg`` and ``t_std`` ``[ntypes, nnei * columns]`` of the frozen graph, with all slots.

        Parameters
        ----------
        nnei : int
            Number of slots.
        columns : int
            Number of columns of the environment rows: 4, or 1 for only the radial column.
        """
        zero = np.zeros_like(self.avg)
        avg = np.stack([self.avg, zero, zero, zero], axis=1)[:, :columns]
        std = np.stack([self.std_radial, *[self.std_angular] * 3], axis=1)[:, :columns]
        return np.tile(avg, (1, nnei)), np.tile(std, (1, nnei))

    @classmethod
    def blank(cls, ntypes: int) -> EnvironmentStatistics:
        """Return statistics with mean zero and standard deviation one."""
        return cls(np.zeros(ntypes), np.ones(ntypes), np.ones(ntypes))


@dataclass(frozen=True)
class Survey:
    """Sums over frames, per center type; addition merges two surveys.

    Attributes
    ----------
    centers : ndarray
        Number of centers ``[ntypes]``.
    sums : ndarray
        Sums over all neighbors ``[ntypes, 4]``: of s, of s squared, of the three angular columns, and of their squares.
    neighbors : NeighborStatistics
        Neighbor counts and shortest distance.
    """

    centers: np.ndarray
    sums: np.ndarray
    neighbors: NeighborStatistics

    @classmethod
    def empty(cls, ntypes: int) -> Survey:
        """Return the survey of no frame."""
        return cls(np.zeros(ntypes), np.zeros((ntypes, 4)), NeighborStatistics(np.zeros(ntypes, int), np.inf))

    def __add__(self, other: Survey) -> Survey:
        """Return the survey of the frames of both."""
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
        """Return mean and standard deviation over all ``nnei`` slots, including empty ones (CONTRACT, section 1).

        Parameters
        ----------
        nnei : int
            Number of slots per center, sum(sel).
        rcut : float
            Cutoff (Å); types without atoms have the deviation 1/rcut.
        set_avg_zero : bool
            Set the mean to zero.
        floor : float
            Smallest standard deviation.
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
    """Raise `InputError` if two atoms coincide: the direction between them is undefined.

    Parameters
    ----------
    found : Neighbors
        Neighbors of one frame.
    place : str
        Name of the frame, for the message.
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
    """Frames of a system `[n]` with their weights `[n]`."""

    system: System
    frames: np.ndarray
    weights: np.ndarray


def _pieces(systems: Sequence[System], weights: Sequence[np.ndarray]) -> Iterator[list[_Part]]:
    """Yield all frames with nonzero weight, in pieces of about `_ATOMS` atoms."""
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


def _survey_piece(piece: Sequence[_Part], interacting: np.ndarray, rcut: float, rcut_smth: float) -> Survey:
    """Return the survey of some frames."""
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
    """Raise `InputError` naming the first frame with coinciding atoms."""
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
    """Return the survey of all frames, computed by several threads.

    Parameters
    ----------
    systems : sequence of System
        The data.
    ntypes : int
        Number of types.
    rcut, rcut_smth : float
        Cutoff, and start of the smooth switching (Å).
    exclude_types : sequence of pairs of int
        Pairs of types that do not interact: they count as neighbors, but their rows are zero.
    weights : sequence of ndarray, optional
        Weight of each frame of each system ``[nframes]``; 1 by default. Frames with weight zero are skipped.
    progress : callable
        Called with the number of frames finished since the last call.

    Raises
    ------
    InputError
        If two atoms of a frame coincide.
    """
    if weights is None:
        weights = [np.ones(system.nframes) for system in systems]
    interacting = interacting_matrix(ntypes, exclude_types)
    total = Survey.empty(ntypes)
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        pieces = _pieces(systems, weights)
        while chunk := list(islice(pieces, 4 * workers)):
            surveys = pool.map(lambda piece: _survey_piece(piece, interacting, rcut, rcut_smth), chunk)
            for piece, found in zip(chunk, surveys, strict=True):
                total = total + found
                progress(sum(len(part.frames) for part in piece))
    return total
