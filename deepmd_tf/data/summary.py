"""Summary of the data, logged when training starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepmd_tf.data.batch_size import batch_counts
from deepmd_tf.data.system import System


@dataclass(frozen=True)
class SummaryRow:
    """Row of the table of systems: size, batches, probability and labels."""

    path: str
    natoms: int
    mixed: bool
    nframes: int
    batch_size: int
    nbatches: int
    probability: float
    periodic: bool
    labels: tuple[str, ...]


def summary(systems: Sequence[System], batch_sizes: Sequence[int], probabilities: Sequence[float]) -> list[SummaryRow]:
    """Return one row per system, in order."""
    return [
        SummaryRow(
            path=system.path,
            natoms=system.size_range[1],
            mixed=system.mixed,
            nframes=system.nframes,
            batch_size=size,
            nbatches=nbatches,
            probability=float(probability),
            periodic=system.periodic,
            labels=tuple(sorted(system.labels)),
        )
        for system, size, nbatches, probability in zip(
            systems, batch_sizes, batch_counts(batch_sizes, systems), probabilities, strict=True
        )
    ]
