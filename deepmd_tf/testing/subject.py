"""The potential under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deepmd_tf.infer import DeepPot
from deepmd_tf.testing.frames import Frame, make_frame


class Prediction(NamedTuple):
    """Predictions of frames that have the same atoms.

    Attributes
    ----------
    energy : ndarray
        Energies (eV) ``[nframes]``.
    force : ndarray
        Forces (eV/Å) ``[nframes, natoms, 3]``.
    virial : ndarray
        Virials (eV) ``[nframes, 9]``: minus the derivative of the energy with respect to the strain.
    atom_energy : ndarray or None
        Energies of the atoms (eV) ``[nframes, natoms, 1]``; None if the potential has none.
    atom_virial : ndarray or None
        Virials of the atoms (eV) ``[nframes, natoms, 9]``; None if the potential has none.
    """

    energy: np.ndarray
    force: np.ndarray
    virial: np.ndarray
    atom_energy: np.ndarray | None = None
    atom_virial: np.ndarray | None = None

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Prediction:
        """Return the prediction with a function applied to every array."""
        return Prediction(*(None if part is None else function(part) for part in self))


@dataclass(frozen=True)
class Subject:
    """A potential under test.

    Attributes
    ----------
    function : callable
        Called as ``function(coord, cell, types, fparam, aparam)`` with coordinates (Å) ``[nframes, natoms, 3]``, cell
        vectors in rows (Å) ``[nframes, 3, 3]`` or None for open boundaries, types ``[natoms]``, and the parameters
        ``[nfparam]`` and ``[natoms, naparam]`` or None. Returns a `Prediction`.
    cutoff : float
        Cutoff radius (Å).
    types : tuple of int
        Types that the potential knows.
    nfparam, naparam : int
        Numbers of frame and of atomic parameters.
    single_precision : bool
        True if the potential computes in float32; the tolerances are wider then.
    smooth : bool
        False if the energy jumps when an atom crosses the cutoff. The checks then expect the jump.
    isolated : mapping of int to float
        Known energies of isolated atoms (eV) by type.
    """

    function: Callable[..., Prediction]
    cutoff: float
    types: tuple[int, ...] = (0, 1)
    nfparam: int = 0
    naparam: int = 0
    single_precision: bool = False
    smooth: bool = True
    isolated: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def from_potential(cls, potential: DeepPot, **properties) -> Subject:
        """Return the subject of a potential in a frozen graph; `properties` are other attributes of the subject."""

        def function(*arguments) -> Prediction:
            energy, *others = potential.eval(*arguments, atomic=True)
            return Prediction(energy[:, 0], *others)

        defaults = {
            "types": tuple(range(potential.get_ntypes())),
            "nfparam": potential.get_dim_fparam(),
            "naparam": potential.get_dim_aparam(),
        }
        return cls(function, potential.get_rcut(), **{**defaults, **properties})

    def frame(self, name: str) -> Frame:
        """Return a frame with the types and parameters of this potential; see `make_frame`."""
        return make_frame(name, types=self.types, nfparam=self.nfparam, naparam=self.naparam)

    def evaluate(self, frame: Frame, coord=None, cell=None) -> Prediction:
        """Return the prediction of a frame, or of several that differ from it in coordinates and cells only."""
        coord = frame.coord[None] if coord is None else np.asarray(coord)
        if cell is None and frame.cell is not None:
            cell = np.broadcast_to(frame.cell, (len(coord), 3, 3))
        return self.function(coord, cell, frame.types, frame.fparam, frame.aparam)

    def tolerance(self, double: float = 1e-11, single: float = 1e-5) -> float:
        """Return the tolerance of the precision that the potential computes in."""
        return single if self.single_precision else double


def assert_same(prediction: Prediction, expected: Prediction, tolerance: float) -> None:
    """Raise AssertionError if two predictions differ by more than the tolerance times the largest value."""
    for name, actual, desired in zip(Prediction._fields, prediction, expected, strict=True):
        assert (actual is None) == (desired is None), name
        if desired is not None:
            atol = tolerance * max(1, np.abs(desired).max())
            np.testing.assert_allclose(actual, desired, rtol=0, atol=atol, err_msg=name)
