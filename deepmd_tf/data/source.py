"""Data of a run and their fingerprint."""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass

import numpy as np

from deepmd_tf.data import Sampler, System

_MAX_BYTES = 64 * 1024**2
_MAX_SYSTEMS = 4096
"""Limits on the data, energies excluded, that a fingerprint reads."""


@dataclass(frozen=True)
class DataSource:
    """Systems and the order in which their frames are drawn."""

    systems: list[System]
    sampler: Sampler

    @property
    def nframes(self) -> int:
        """Number of frames in all systems."""
        return sum(system.nframes for system in self.systems)

    @functools.cached_property
    def fingerprint(self) -> dict:
        """Fingerprint of the data: numbers of systems and frames, checksums of all sizes and of the content.

        The checksum of the content includes all energies, and types, geometry and the other labels of at most 64 MiB of
        the data: of the first and the last frame and of frames in between, in up to 4096 systems. The location of the
        data does not matter.
        """
        sizes = np.array([(system.nframes, system.natoms) for system in self.systems])
        return {
            "systems": len(sizes),
            "frames": int(sizes[:, 0].sum()),
            "sizes": zlib.crc32(sizes.astype("<i8").tobytes()),
            "content": _content(self.systems),
        }


def _content(systems: list[System]) -> int:
    """Return a checksum of all energies and of a sample of the other data."""
    checksum = 0
    for system in systems:
        if "energy" in system.labels:
            checksum = _update(checksum, system.rows("energy", np.arange(system.nframes)))
    sampled = [systems[k] for k in _spread(len(systems), _MAX_SYSTEMS)]
    for system in sampled:
        bytes_per_frame = 8 * (3 * system.natoms) * (2 + len(system.labels))
        frames = _spread(system.nframes, max(2, _MAX_BYTES // len(sampled) // bytes_per_frame))
        checksum = _update(checksum, system.types(frames))
        for name in sorted({"coord", *(["box"] if system.periodic else []), *(system.labels - {"energy"})}):
            checksum = zlib.crc32(name.encode(), checksum)
            checksum = _update(checksum, system.rows(name, frames))
    return checksum


def _update(checksum: int, array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array), checksum)


def _spread(count: int, most: int) -> np.ndarray:
    """Return at most `most` of the indices below `count`, including the first and the last."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)
