"""Inputs for both programs: the field's water model on a directory of systems, and its variants."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frames import repeat, write_system

HERE = Path(__file__).parent
EXAMPLE_DATA = HERE.parent / "examples" / "water"
LABELS = ("energy", "force", "virial")
ATOMS = 192
NETS = ("type_embedding", "descriptor", "fitting_net")

CASES: dict[str, dict[str, Any]] = {
    "one side": {},
    "two sides": {"model.descriptor.type_one_side": False},
    "one side, float32": {f"model.{net}.precision": "float32" for net in NETS},
}


@dataclass(frozen=True)
class Data:
    """Systems ``data_*`` in a directory; the last is for validation."""

    training: tuple[Path, ...]
    validation: Path

    @classmethod
    def find(cls, directory: Path) -> Data:
        """Return the systems ``data_*`` of a directory, sorted by name."""
        systems = sorted(path.resolve() for path in directory.glob("data_*") if (path / "type.raw").exists())
        if len(systems) < 2:
            raise SystemExit(f"{directory}: expected at least two systems data_*, found {len(systems)}")
        return cls(tuple(systems[:-1]), systems[-1])

    def describe(self) -> str:
        """Return a description of the data."""
        parts = [f"{len(load(path, 'coord'))} frames of {natoms(path)} atoms" for path in self.training]
        return f"training on {', '.join(parts)}; validation on {len(load(self.validation, 'coord'))} frames"

    def enlarged(self, place: Path, size: int = ATOMS) -> Data:
        """Repeat frames along their first cell vector to `size` atoms; omit systems for which this is impossible.

        Return the data unchanged if it is impossible for the validation system.
        """
        fitting = [path for path in (*self.training, self.validation) if size % natoms(path) == 0]
        if self.validation not in fitting or len(fitting) < 2:
            return self
        larger = [_enlarge(path, place / f"data_{k}", size // natoms(path)) for k, path in enumerate(fitting)]
        return Data(tuple(larger[:-1]), larger[-1])


def _enlarge(system: Path, path: Path, count: int) -> Path:
    """Repeat frames and labels of a system along the first cell vector; return the system for one repetition."""
    if count == 1:
        return system
    coord, box, types = repeat(load(system, "coord"), load(system, "box"), load_types(system), (count, 1, 1))
    labels = {name: load(system, name) for name in LABELS if has(system, name)}
    labels = {k: np.tile(v, (1, count)) if k == "force" else v * count for k, v in labels.items()}
    return write_system(path, ("O", "H"), types, {"coord": coord, "box": box, **labels})


def has(system: Path, name: str) -> bool:
    """Return whether a system has arrays of this name."""
    return any(system.glob(f"set.*/{name}.npy"))


def natoms(system: Path) -> int:
    """Return the number of atoms of a frame."""
    return len(np.loadtxt(system / "type.raw", dtype=int, ndmin=1))


def load(system: Path, name: str) -> np.ndarray:
    """Return the rows of all sets of a system, float64."""
    return np.concatenate([np.load(path) for path in sorted(system.glob(f"set.*/{name}.npy"))]).astype(np.float64)


def load_types(system: Path, type_map: tuple[str, ...] = ("O", "H")) -> np.ndarray:
    """Return the types of the atoms ``[natoms]`` as indices of `type_map`."""
    names = (system / "type_map.raw").read_text().split()
    return np.array([type_map.index(names[k]) for k in np.loadtxt(system / "type.raw", dtype=int, ndmin=1)])


def water_input(data: Data, changes: Mapping[str, Any], *, validate: bool = False) -> dict[str, Any]:
    """Return ``water.json`` for some data, with keys set by their dotted paths; None removes a key."""
    table = copy.deepcopy(json.loads((HERE / "water.json").read_text()))
    table["training"]["training_data"]["systems"] = [str(path) for path in data.training]
    if validate:
        table["training"]["validation_data"] = {"systems": [str(data.validation)], "batch_size": 1, "numb_btch": 3}
    for path, value in changes.items():
        *sections, key = path.split(".")
        section = table
        for name in sections:
            section = section[name]
        section[key] = value
        if value is None:
            del section[key]
    return table
