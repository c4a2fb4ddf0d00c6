"""A graph's predictions against labeled data: the numbers behind `dp test`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_tf.data import Batch, System
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


WIDTHS = {"energy": 1, "force": 3, "virial": 9}
"""Numbers in a row of each label; a row belongs to an atom for the force, otherwise to a frame."""


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
    natoms : ndarray
        Number of atoms of each frame that was compared ``[nframes]``.
    data, predicted : dict of ndarray
        By label: energy ``[nframes, 1]``, force ``[atoms of all frames, 3]``, virial ``[nframes, 9]``.
    """

    path: str
    natoms: np.ndarray
    data: dict[str, np.ndarray] = field(repr=False)
    predicted: dict[str, np.ndarray] = field(repr=False)

    @property
    def nframes(self) -> int:
        """Number of frames that were compared."""
        return len(self.natoms)

    @property
    def sizes(self) -> str:
        """Say how many atoms frames have."""
        low, high = self.natoms.min(), self.natoms.max()
        return f"{low} atoms" if low == high else f"{low} to {high} atoms"

    def pair(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions of the quantity `name`."""
        quantity = QUANTITIES[name]
        scale = 1.0 / self.natoms[:, None] if quantity.per_atom else 1.0
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
            energy, force, virial = map(system.place_of, ("energy", "force", "virial"))
            raise InputError(f"{system.path}: no {energy}, {force} or {virial} to compare with")
        comparisons.append(_compare(potential, system, labels, min(nframes or system.nframes, system.nframes)))
    return comparisons


def _compare(potential: DeepPot, system: System, labels: Sequence[str], nframes: int) -> Comparison:
    """Evaluate the first frames of a system, some at a time, those of one size together; padding atoms are left out."""
    data: dict[str, list[np.ndarray]] = {label: [] for label in labels}
    predicted: dict[str, list[np.ndarray]] = {label: [] for label in labels}
    frames, sizes = [], []
    for chosen, part, results in evaluate(potential, system, np.arange(nframes), labels):
        found = dict(zip(("energy", "force", "virial"), results, strict=True))
        for label in labels:
            width = WIDTHS[label]
            data[label].append(getattr(part, label).reshape(-1, width))
            predicted[label].append(found[label].reshape(-1, width))
        frames.append(chosen)
        sizes.append(np.full(part.nframes, part.natoms))
    order = np.argsort(np.concatenate(frames), kind="stable")
    natoms = np.concatenate(sizes)
    atoms = _atoms_in_order(natoms, order)

    def joined(arrays: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
        """All parts, in the order of the frames."""
        whole = {label: np.concatenate(rows) for label, rows in arrays.items()}
        return {label: rows[atoms if label == "force" else order] for label, rows in whole.items()}

    return Comparison(system.path, natoms[order], joined(data), joined(predicted))


def evaluate(
    potential: DeepPot, system: System, indices: np.ndarray, labels: Sequence[str]
) -> Iterator[tuple[np.ndarray, Batch, tuple[np.ndarray, ...]]]:
    """Evaluate frames of a system, some at a time, those of one size together.

    Yields
    ------
    tuple
        Which frames, these with some of their labels, and their energy, force and virial.

    Raises
    ------
    InputError
        Naming the first frame that cannot be evaluated.
    """
    parameters = {"fparam": potential.get_dim_fparam(), "aparam": potential.get_dim_aparam()}
    taken = [name for name, width in parameters.items() if width]
    for frames, part in system.parts(indices, [*labels, *taken]):
        try:
            results = potential.eval(part.coord, part.box, part.type, **{name: getattr(part, name) for name in taken})
        except InputError as error:
            message = re.sub(
                r"\bframe (\d+)", lambda found, of=frames: f"frame {of[int(found[1])]}", str(error), count=1
            )
            raise InputError(f"{system.path}: {message}") from error
        yield frames, part, results


def _atoms_in_order(natoms: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows of the atoms of frames of sizes `natoms` that stand one after another, when the frames come in `order`."""
    starts = np.cumsum(natoms) - natoms
    return np.concatenate([np.arange(starts[frame], starts[frame] + natoms[frame]) for frame in order])


def pooled(comparisons: Sequence[Comparison]) -> dict[str, Error]:
    """Errors over all systems, each weighted by its number of frames or components."""
    total: dict[str, Error] = {}
    for comparison in comparisons:
        for name, error in comparison.errors().items():
            total[name] = total.get(name, Error()) + error
    return total
