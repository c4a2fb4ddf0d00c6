"""Repetition of periodic frames, and reassignment of species."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepmd_tf.geometry import neighbors


def repeat(
    coord: np.ndarray, cells: np.ndarray, types: np.ndarray, counts: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat periodic frames along their cell vectors; the atoms of an image are contiguous.

    Parameters
    ----------
    coord : ndarray
        Å ``[nframes, natoms * 3]``.
    cells : ndarray
        Å ``[nframes, 9]``, rows are the cell vectors.
    types : ndarray
        ``[natoms]``.
    counts : sequence of int
        Number of repetitions along each vector.

    Returns
    -------
    tuple of ndarray
        `coord`, `cells` and `types` of the larger frames.
    """
    nframes, natoms = len(coord), len(types)
    images = np.array(list(itertools.product(*map(range, counts))))
    vectors = cells.reshape(nframes, 3, 3)
    shifted = coord.reshape(nframes, 1, natoms, 3) + (images @ vectors)[:, :, None]
    larger = vectors * np.asarray(counts)[None, :, None]
    return shifted.reshape(nframes, -1), larger.reshape(nframes, 9), np.tile(types, len(images))


def counts_near(natoms: int, target: int) -> tuple[int, int, int]:
    """Return repetitions, about equal along each vector, that turn `natoms` atoms into about `target` atoms."""
    side = max(1, int(np.floor((target / natoms) ** (1 / 3))))
    choices = itertools.combinations_with_replacement((side, side + 1), 3)
    return min(choices, key=lambda counts: abs(natoms * np.prod(counts) - target))


def random_types(natoms: int, ntypes: int, seed: int = 0) -> np.ndarray:
    """Return random types ``[natoms]`` with equal numbers of each (to within one atom)."""
    return np.random.default_rng(seed).permutation(np.arange(natoms) % ntypes)


def sel_of(coord: np.ndarray, cells: np.ndarray, types: np.ndarray, ntypes: int, rcut: float) -> list[int]:
    """Return `sel`: the largest number of neighbors of each type in any frame, rounded up to an even number."""
    most = np.zeros(ntypes, int)
    for frame, cell in zip(coord.reshape(len(coord), -1, 3), cells.reshape(-1, 3, 3), strict=True):
        found = neighbors.periodic(frame, types, cell, rcut)
        center = np.repeat(np.arange(len(types)), np.diff(found.edge_splits))
        pairs = np.bincount(center * ntypes + types[found.neighbor], minlength=len(types) * ntypes)
        most = np.maximum(most, pairs.reshape(-1, ntypes).max(axis=0))
    return [int(count + count % 2) for count in np.maximum(most, 2)]


def write_system(path: Path, names: Sequence[str], types: np.ndarray, arrays: dict[str, np.ndarray]) -> Path:
    """Write a system (``type_map.raw``, ``type.raw`` and one set of ``.npy`` files); return its path."""
    (path / "set.000").mkdir(parents=True, exist_ok=True)
    (path / "type_map.raw").write_text("\n".join(names) + "\n")
    np.savetxt(path / "type.raw", types, fmt="%d")
    for name, values in arrays.items():
        np.save(path / "set.000" / f"{name}.npy", values)
    return path
