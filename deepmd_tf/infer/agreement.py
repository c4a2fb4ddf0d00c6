"""Largest differences between two graphs of one model, on frames of data or on random frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmd_tf.data import System
from deepmd_tf.infer.deep_pot import DeepPot

_JITTER = 0.3  # displacement of an atom, relative to the lattice spacing
_FILLED = 0.3  # mean fraction of the slots in use, low enough that fluctuations do not exceed sel


@dataclass(frozen=True)
class Agreement:
    """Largest differences between two graphs.

    Attributes
    ----------
    nframes : int
        Number of frames compared.
    energy : float
        Energy per atom (eV).
    force : float
        Force component (eV/Å).
    virial : float
        Virial component per atom (eV).
    """

    nframes: int
    energy: float
    force: float
    virial: float

    def __or__(self, other: Agreement) -> Agreement:
        """Return the larger of the differences, over the frames of both."""
        return Agreement(
            self.nframes + other.nframes,
            max(self.energy, other.energy),
            max(self.force, other.force),
            max(self.virial, other.virial),
        )


def compare_on_data(first: DeepPot, second: DeepPot, systems: Sequence[System], nframes: int) -> Agreement:
    """Compare two graphs on at most `nframes` evenly spaced frames of each system."""
    result = Agreement(0, 0.0, 0.0, 0.0)
    for system in systems:
        chosen = np.unique(np.linspace(0, system.nframes - 1, nframes).astype(int))
        for _, batch in system.frames(chosen).without_padding():
            fparam = batch.fparam if first.get_dim_fparam() else None
            aparam = batch.aparam if first.get_dim_aparam() else None
            result = result | _compare(first, second, batch.coord, batch.box, batch.type, fparam, aparam)
    return result


def compare_on_random_frames(first: DeepPot, second: DeepPot, *, nframes: int = 4, seed: int = 0) -> Agreement:
    """Compare two graphs on random frames, at about a third of the density that fills `sel` and in its composition.

    The atoms are on a simple cubic lattice of 64 sites in a periodic cell. Each is displaced by up to 0.3 lattice
    spacings along each axis. Frame and atomic parameters are zero.
    """
    rng = np.random.default_rng(seed)
    sel = np.array(first.get_sel(), float)
    rcut = first.get_rcut()
    spacing = (4 / 3 * np.pi * rcut**3 / (_FILLED * sel.sum() + 1)) ** (1 / 3)
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    moves = rng.uniform(-_JITTER, _JITTER, (nframes, *sites.shape))
    types = rng.choice(len(sel), len(sites), p=sel / sel.sum())
    cells = np.tile(4 * spacing * np.eye(3), (nframes, 1, 1))
    fparam = np.zeros(first.get_dim_fparam()) if first.get_dim_fparam() else None
    aparam = np.zeros(first.get_dim_aparam()) if first.get_dim_aparam() else None
    return _compare(first, second, spacing * (sites + moves), cells, types, fparam, aparam)


def _compare(first, second, coord, cells, types, fparam, aparam) -> Agreement:
    natoms = np.shape(types)[-1]
    results = [each.eval(coord, cells, types, fparam=fparam, aparam=aparam) for each in (first, second)]
    energy, force, virial = (np.abs(a - b).max() for a, b in zip(*results, strict=True))
    return Agreement(len(results[0][0]), energy / natoms, force, virial / natoms)
