"""Properties of single frames of the data: distances, cell, neighbors, forces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.geometry import neighbors
from deepmd_tf.statistics.environment import refuse_coincidence

SPREADS = 10.0
"""Smallest deviation of an outlier, in robust standard deviations."""

_LEAST_SPREAD = 1e-3  # eV per atom; nearly equal energies have no outliers
_ROUNDS = 10
_QUIET = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # squares of finite numbers may overflow


@dataclass(frozen=True)
class FrameView:
    """Properties of a frame.

    Attributes
    ----------
    problem : str
        Message for a frame that cannot be used, in which case the other attributes are not set; otherwise empty.
    closeness : float
        Smallest distance between two atoms divided by `distance_unit` of their types; inf without neighbors.
    distance : float
        Distance of these two atoms (Å).
    pair : tuple of int
        Indices of these two atoms.
    max_neighbors : ndarray, optional
        Largest number of neighbors of each type within each of the cutoffs ``[ncutoffs, ntypes]``.
    volume : float
        Volume of the cell (Å^3), negative for left-handed vectors; nan without a cell.
    thickness : float
        Smallest distance between opposite faces of the cell (Å); inf without a cell.
    force : float
        Largest norm of a force (eV/Å); nan without forces.
    """

    problem: str = ""
    closeness: float = np.inf
    distance: float = np.inf
    pair: tuple[int, int] = (0, 0)
    max_neighbors: np.ndarray | None = None
    volume: float = np.nan
    thickness: float = np.inf
    force: float = np.nan


@_QUIET
def view_frame(system, index: int, rcuts: Sequence[float], distance_unit: np.ndarray) -> FrameView:
    """Return the properties of a frame.

    Parameters
    ----------
    system : System
        The system.
    index : int
        Index of the frame.
    rcuts : sequence of float
        Cutoffs within which neighbors are counted (Å).
    distance_unit : ndarray
        Unit of distance of each pair of types (Å) ``[ntypes, ntypes]``, for the comparison of pairs.
    """
    ntypes, rcut = len(distance_unit), max(rcuts)
    batch = system.frames([index])
    real = batch.type[0] >= 0
    coord, types = batch.coord[0][real], batch.type[0][real]
    force = np.nan if batch.force is None else float(np.linalg.norm(batch.force[0][real], axis=1).max(initial=0.0))
    volume, thickness = np.nan, np.inf
    try:
        if batch.box is None:
            found = neighbors.open(coord, types, rcut)
        else:
            volume, thickness = _cell(batch.box[0])
            found = neighbors.periodic(coord, types, batch.box[0], rcut)
        refuse_coincidence(found, f"{system.path}: frame {index}", np.flatnonzero(real))
    except InputError as error:
        place = f"{system.path}: frame {index}"
        message = str(error).removeprefix("frame 0, ")  # index in the list of the single given frame
        return FrameView(message if message.startswith(place) else f"{place}: {message}")
    center = np.repeat(np.arange(len(types)), np.diff(found.edge_splits))
    neighbor_type = types[found.neighbor]
    distance = np.linalg.norm(found.edge_vec, axis=1)
    counts = [
        np.bincount((center * ntypes + neighbor_type)[distance < each], minlength=len(types) * ntypes) for each in rcuts
    ]
    most = np.array(counts).reshape(len(rcuts), -1, ntypes).max(axis=1, initial=0)
    view = FrameView("", max_neighbors=most, volume=volume, thickness=thickness, force=force)
    if not len(found.neighbor):
        return view
    closeness = distance / distance_unit[types[center], neighbor_type]
    edge = int(closeness.argmin())
    atoms = np.flatnonzero(real)
    pair = (int(atoms[center[edge]]), int(atoms[found.neighbor[edge]]))
    return replace(view, closeness=float(closeness[edge]), distance=float(distance[edge]), pair=pair)


def _cell(cell: np.ndarray) -> tuple[float, float]:
    """Return volume and thickness of a cell ``[3, 3]``."""
    normals = np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]])
    volume = float(np.linalg.det(cell))
    return volume, float(abs(volume) / np.linalg.norm(normals, axis=1).max())


def view_frames(
    systems: Sequence,
    rcuts: Sequence[float],
    distance_unit: np.ndarray,
    progress: Callable[[int], None] = lambda count: None,
) -> Iterator[tuple[object, int, FrameView]]:
    """Yield system, index and properties of all frames with finite numbers, in order; computed in parallel.

    Parameters
    ----------
    systems : sequence of System
        The data.
    rcuts, distance_unit
        As for `view_frame`.
    progress : callable
        Called with the number of frames finished since the last call.
    """

    @_QUIET
    def view(item) -> FrameView | None:
        system, index = item
        batch = system.frames([index])
        if not (np.isfinite(batch.coord).all() and (batch.box is None or np.linalg.det(batch.box[0]))):
            return None  # the reader has reported it
        return view_frame(system, index, rcuts, distance_unit)

    frames = ((system, index) for system in systems for index in range(system.nframes))
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        while chunk := list(islice(frames, 16 * workers)):
            for (system, index), found in zip(chunk, pool.map(view, chunk), strict=True):
                if found is not None:
                    yield system, index, found
            progress(len(chunk))


def energy_deviations(energies: np.ndarray, compositions: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the deviation of each energy from that of its composition, and the usual deviation.

    Energies per type are fitted by least squares. The fit is repeated without outliers until their set is unchanged.

    Parameters
    ----------
    energies : ndarray
        Energies of frames (eV) ``[nframes]``.
    compositions : ndarray
        Number of atoms of each type ``[nframes, ntypes]``, at least one atom in a frame.

    Returns
    -------
    tuple
        Deviations in eV per atom ``[nframes]``, and their spread: 1.4826 times the median absolute deviation (the
        standard deviation of a normal distribution), at least 1e-3.
    """
    compositions = compositions[:, compositions.any(axis=0)]
    natoms = compositions.sum(axis=1)
    fractions, per_atom = compositions / natoms[:, None], energies / natoms  # so that large frames do not dominate
    kept = np.isfinite(energies)
    deviation, spread = np.full(len(energies), np.nan), _LEAST_SPREAD
    for _ in range(_ROUNDS):
        if not kept.any():
            break
        bias = _least_squares(fractions[kept], per_atom[kept])
        deviation = per_atom - fractions @ bias
        deviation -= np.median(deviation[kept])
        spread = max(1.4826 * float(np.median(np.abs(deviation[kept]))), _LEAST_SPREAD)
        inside = np.isfinite(energies) & (np.abs(deviation) <= SPREADS * spread)
        if (inside == kept).all():
            break
        kept = inside
    return deviation, spread


def _least_squares(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the solution of the normal equations, which is fast for many rows and accurate enough for outliers."""
    return np.linalg.lstsq(rows.T @ rows, rows.T @ values, rcond=1e-12)[0]
