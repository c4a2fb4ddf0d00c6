"""Compare the predictions of a graph with labeled data, for `dp test`."""

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
    """Quantity that is compared with data.

    Attributes
    ----------
    title : str
        Name in tables and plots.
    unit : str
        Unit of the quantity.
    label : str
        Name of the label: ``"energy"``, ``"force"`` or ``"virial"``.
    per_atom : bool
        Divide the label by the number of atoms.
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
"""Number of columns of each label. A row is an atom for the force, and a frame for energy and virial."""


@dataclass(frozen=True)
class Error:
    """Sums of absolute and squared errors over a number of components; addition pools two of them."""

    count: int = 0
    absolute: float = 0.0
    square: float = 0.0

    @classmethod
    def from_differences(cls, difference: np.ndarray) -> Error:
        """Sum the absolute values and the squares of differences."""
        return cls(difference.size, float(np.abs(difference).sum()), float((difference**2).sum()))

    def __add__(self, other: Error) -> Error:
        """Pool two errors."""
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
    """Labels and predictions of a system.

    Attributes
    ----------
    path : str
        Path of the system.
    natoms : ndarray
        Number of atoms of each frame ``[nframes]``.
    data, predicted : dict of ndarray
        Labels and predictions: energy ``[nframes, 1]``, force ``[total number of atoms, 3]``, virial ``[nframes, 9]``.
    """

    path: str
    natoms: np.ndarray
    data: dict[str, np.ndarray] = field(repr=False)
    predicted: dict[str, np.ndarray] = field(repr=False)

    @property
    def nframes(self) -> int:
        """Number of frames compared."""
        return len(self.natoms)

    @property
    def sizes(self) -> str:
        """Range of the number of atoms per frame, as text."""
        low, high = self.natoms.min(), self.natoms.max()
        return f"{low} atoms" if low == high else f"{low} to {high} atoms"

    def pair(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels and predictions of the quantity `name`."""
        quantity = QUANTITIES[name]
        scale = 1.0 / self.natoms[:, None] if quantity.per_atom else 1.0
        return self.data[quantity.label] * scale, self.predicted[quantity.label] * scale

    def errors(self) -> dict[str, Error]:
        """Return the errors of the quantities that have labels."""
        names = [name for name, quantity in QUANTITIES.items() if quantity.label in self.data]
        return {name: Error.from_differences(np.subtract(*self.pair(name))) for name in names}


def compare(
    potential: DeepPot,
    systems: Sequence[System],
    nframes: int | None = None,
) -> list[Comparison]:
    """Compare a potential with the labels of systems.

    Parameters
    ----------
    potential : DeepPot
        The potential.
    systems : sequence of System
        The data, with types in the order of the potential's type map.
    nframes : int, optional
        Number of frames of each system, from the first. Default: all.

    Raises
    ------
    InputError
        If a system has no label to compare with.
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
    """Compare a potential with the first `nframes` frames of a system, without padding atoms."""
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

    def join(arrays: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
        """Concatenate the parts in the order of the frames."""
        whole = {label: np.concatenate(rows) for label, rows in arrays.items()}
        return {label: rows[atoms if label == "force" else order] for label, rows in whole.items()}

    return Comparison(system.path, natoms[order], join(data), join(predicted))


def evaluate(
    potential: DeepPot, system: System, indices: np.ndarray, labels: Sequence[str]
) -> Iterator[tuple[np.ndarray, Batch, tuple[np.ndarray, ...]]]:
    """Evaluate frames of a system in parts of limited size; the frames of a part have one number of atoms.

    Yields
    ------
    tuple
        Indices of the frames of a part, the frames with `labels`, and the predicted energy, force and virial.

    Raises
    ------
    InputError
        If a frame cannot be evaluated; the message names the first such frame.
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
    """Return the rows of the atoms of concatenated frames of sizes `natoms`, with the frames in `order`."""
    starts = np.cumsum(natoms) - natoms
    return np.concatenate([np.arange(starts[frame], starts[frame] + natoms[frame]) for frame in order])


def pool_errors(comparisons: Sequence[Comparison]) -> dict[str, Error]:
    """Return the errors over all systems, weighted by their numbers of components."""
    total: dict[str, Error] = {}
    for comparison in comparisons:
        for name, error in comparison.errors().items():
            total[name] = total.get(name, Error()) + error
    return total
