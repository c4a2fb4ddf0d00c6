"""A graph's predictions against labelled data: the numbers behind `dp test`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_tf.data import System
from deepmd_tf.errors import InputError

if TYPE_CHECKING:
    from deepmd_tf.infer.deep_pot import DeepPot


class Quantity(NamedTuple):
    """What is compared.

    Attributes
    ----------
    title : str
        For tables.
    unit : str
        Its unit.
    label : str
        The label it comes from.
    per_atom : bool
        Whether it is divided by the number of atoms.
    """

    title: str
    unit: str
    label: str
    per_atom: bool


QUANTITIES = {
    "energy": Quantity("energy", "eV", "energy", False),
    "energy_per_atom": Quantity("energy/atom", "eV", "energy", True),
    "force": Quantity("force", "eV/Å", "force", False),
    "virial": Quantity("virial", "eV", "virial", False),
    "virial_per_atom": Quantity("virial/atom", "eV", "virial", True),
}


@dataclass(frozen=True)
class Error:
    """Errors over a number of components; addition pools them."""

    count: int = 0
    absolute: float = 0.0
    square: float = 0.0

    @classmethod
    def of(cls, difference: np.ndarray) -> Error:
        """Sum up differences."""
        return cls(difference.size, float(np.abs(difference).sum()), float((difference**2).sum()))

    def __add__(self, other: Error) -> Error:
        """Pool."""
        return Error(self.count + other.count, self.absolute + other.absolute, self.square + other.square)

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self.absolute / self.count

    @property
    def rmse(self) -> float:
        """Root-mean-square error."""
        return float(np.sqrt(self.square / self.count))


@dataclass(frozen=True)
class Comparison:
    """One system's labels and predictions.

    Attributes
    ----------
    path : str
        The system.
    natoms, nframes : int
        Its size, and how many frames were compared.
    data, predicted : dict of ndarray
        By label, one row per frame.
    """

    path: str
    natoms: int
    nframes: int
    data: dict[str, np.ndarray] = field(repr=False)
    predicted: dict[str, np.ndarray] = field(repr=False)

    def pair(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions of the quantity `name`."""
        quantity = QUANTITIES[name]
        scale = 1.0 / self.natoms if quantity.per_atom else 1.0
        return self.data[quantity.label] * scale, self.predicted[quantity.label] * scale

    def errors(self) -> dict[str, Error]:
        """Errors of the quantities that have labels."""
        names = [name for name, quantity in QUANTITIES.items() if quantity.label in self.data]
        return {name: Error.of(np.subtract(*self.pair(name))) for name in names}


def compare(
    potential: DeepPot,
    systems: Sequence[System],
    nframes: int | None = None,
) -> list[Comparison]:
    """Evaluate frames of every system.

    Parameters
    ----------
    potential : DeepPot
        The potential.
    systems : sequence of System
        The data, with types in the order of the potential's type map.
    nframes : int, optional
        At most so many frames of each system, the first ones; all by default.

    Raises
    ------
    InputError
        When a system has no label to compare with.
    """
    comparisons = []
    for system in systems:
        labels = [label for label in ("energy", "force", "virial") if label in system.labels]
        if not labels:
            raise InputError(f"{system.path}: no energy.npy, force.npy or virial.npy to compare with")
        comparisons.append(_compare(potential, system, labels, min(nframes or system.nframes, system.nframes)))
    return comparisons


def _compare(potential: DeepPot, system: System, labels: Sequence[str], nframes: int) -> Comparison:
    batch = system.frames(np.arange(nframes))
    energy, force, virial = potential.eval(
        batch.coord,
        batch.box,
        batch.type[0],
        fparam=batch.fparam if potential.get_dim_fparam() else None,
        aparam=batch.aparam if potential.get_dim_aparam() else None,
    )
    predicted = {"energy": energy, "force": force, "virial": virial}
    data = {label: getattr(batch, label).reshape(nframes, -1) for label in labels}
    return Comparison(
        system.path,
        system.natoms,
        nframes,
        data,
        {label: predicted[label].reshape(nframes, -1) for label in labels},
    )


def pooled(comparisons: Sequence[Comparison]) -> dict[str, Error]:
    """Errors over all systems, each weighted by its number of frames or components."""
    total: dict[str, Error] = {}
    for comparison in comparisons:
        for name, error in comparison.errors().items():
            total[name] = total.get(name, Error()) + error
    return total
