"""Small systems on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TYPE_MAP = ("O", "H")


def write_system(
    directory: Path,
    *,
    frames: Sequence[int] = (4, 3),
    types: Sequence[int] = (0, 1, 1),
    names: Sequence[str] | None = ("O", "H"),
    labels: Sequence[str] = ("energy", "force", "virial"),
    dtype: Any = np.float64,
    periodic: bool = True,
    seed: int = 0,
) -> Path:
    """Write a system with one `set.*` per entry of `frames`, whose energies count the frames from 0."""
    rng = np.random.default_rng(seed)
    natoms = len(types)
    directory.mkdir(parents=True)
    (directory / "type.raw").write_text("\n".join(map(str, types)) + "\n")
    if names is not None:
        (directory / "type_map.raw").write_text("\n".join(names) + "\n")
    if not periodic:
        (directory / "nopbc").touch()
    columns = {"force": 3 * natoms, "virial": 9, "atom_ener": natoms, "fparam": 2, "aparam": 2 * natoms}
    first = 0
    for index, nframes in enumerate(frames):
        folder = directory / f"set.{index:03d}"
        folder.mkdir()
        np.save(folder / "coord.npy", rng.uniform(0, 8, (nframes, 3 * natoms)).astype(dtype))
        if periodic:
            np.save(folder / "box.npy", np.tile(8 * np.eye(3).ravel(), (nframes, 1)).astype(dtype))
        for label in labels:
            if label == "energy":
                np.save(folder / "energy.npy", np.arange(first, first + nframes).astype(dtype))
            else:
                np.save(folder / f"{label}.npy", rng.normal(size=(nframes, columns[label])).astype(dtype))
        first += nframes
    return directory


@pytest.fixture
def system_dir(tmp_path) -> Path:
    """A periodic system of three atoms with seven frames in two sets."""
    return write_system(tmp_path / "system")


@pytest.fixture
def edit(system_dir) -> Callable[..., Path]:
    """A function that replaces one file of `system_dir` by the result of a function of its array."""

    def change(name: str, function: Callable[[np.ndarray], Any]) -> Path:
        path = system_dir / name
        np.save(path, function(np.load(path)))
        return path

    return change
