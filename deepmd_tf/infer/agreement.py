"""How much two graphs of one model differ: on frames of data, or on frames made up for the purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmd_tf.data import System
from deepmd_tf.infer.deep_pot import DeepPot

_JITTER = 0.3  # of the distance of neighboring places
_FILLED = 0.3  # of the slots, on average, so that fluctuations leave none without room


@dataclass(frozen=True)
class Agreement:
    """Largest differences over frames.

    Attributes
    ----------
    nframes : int
        How many were compared.
    energy : float
        Of the energy, per atom (eV).
    force : float
        Of a force component (eV/Å).
    virial : float
        Of a virial component, per atom (eV).
    """

    nframes: int
    energy: float
    force: float
    virial: float

    def __or__(self, other: Agreement) -> Agreement:
        """The largest of both."""
        return Agreement(
            self.nframes + other.nframes,
            max(self.energy, other.energy),
            max(self.force, other.force),
            max(self.virial, other.virial),
        )


def agreement_on_data(first: DeepPot, second: DeepPot, systems: Sequence[System], nframes: int) -> Agreement:
    """Compare on at most `nframes` frames of each system, evenly spaced."""
    result = Agreement(0, 0.0, 0.0, 0.0)
    for system in systems:
        chosen = np.unique(np.linspace(0, system.nframes - 1, nframes).astype(int))
        for _, batch in system.frames(chosen).without_padding():
            fparam = batch.fparam if first.get_dim_fparam() else None
            aparam = batch.aparam if first.get_dim_aparam() else None
            result = result | _agreement(first, second, batch.coord, batch.box, batch.type, fparam, aparam)
    return result


def agreement_on_made_up(first: DeepPot, second: DeepPot, *, nframes: int = 4, seed: int = 0) -> Agreement:
    """Compare on frames made up at a third of the density that `sel` is for, in its composition.

    The atoms are the places of a simple cubic lattice, each moved at random by up to 0.3 of their distance, in cells of
    at least 64 atoms; parameters of frames and atoms are zero.
    """
    rng = np.random.default_rng(seed)
    sel = np.array(first.get_sel(), float)
    rcut = first.get_rcut()
    spacing = (4 / 3 * np.pi * rcut**3 / (_FILLED * sel.sum() + 1)) ** (1 / 3)
    places = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    moves = rng.uniform(-_JITTER, _JITTER, (nframes, *places.shape))
    types = rng.choice(len(sel), len(places), p=sel / sel.sum())
    cells = np.tile(4 * spacing * np.eye(3), (nframes, 1, 1))
    fparam = np.zeros(first.get_dim_fparam()) if first.get_dim_fparam() else None
    aparam = np.zeros(first.get_dim_aparam()) if first.get_dim_aparam() else None
    return _agreement(first, second, spacing * (places + moves), cells, types, fparam, aparam)


def _agreement(first, second, coord, cells, types, fparam, aparam) -> Agreement:
    natoms = np.shape(types)[-1]
    results = [each.eval(coord, cells, types, fparam=fparam, aparam=aparam) for each in (first, second)]
    energy, force, virial = (np.abs(a - b).max() for a, b in zip(*results, strict=True))
    return Agreement(len(results[0][0]), energy / natoms, force, virial / natoms)
