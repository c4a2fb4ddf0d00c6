"""Inputs that both programs take: the field's water model on a directory of systems, and its variants."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
EXAMPLE_DATA = HERE.parent / "examples" / "water"
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
        """Take the systems ``data_*`` of a directory, in the order of their names."""
        systems = sorted(path.resolve() for path in directory.glob("data_*") if (path / "type.raw").exists())
        if len(systems) < 2:
            raise SystemExit(f"{directory}: expected at least two systems data_*, found {len(systems)}")
        return cls(tuple(systems[:-1]), systems[-1])

    def describe(self) -> str:
        """What is in it, in words."""
        parts = [f"{len(load(path, 'coord'))} frames of {len(load_types(path))} atoms" for path in self.training]
        return f"training on {', '.join(parts)}; validation on {len(load(self.validation, 'coord'))} frames"


def load(system: Path, name: str) -> np.ndarray:
    """Rows of all sets of a system, float64."""
    return np.concatenate([np.load(path) for path in sorted(system.glob(f"set.*/{name}.npy"))]).astype(np.float64)


def load_types(system: Path, type_map: tuple[str, ...] = ("O", "H")) -> np.ndarray:
    """Types of the atoms ``[natoms]`` as indices of `type_map`."""
    names = (system / "type_map.raw").read_text().split()
    return np.array([type_map.index(names[k]) for k in np.loadtxt(system / "type.raw", dtype=int, ndmin=1)])


def water_input(data: Data, changes: Mapping[str, Any], *, validate: bool = False) -> dict[str, Any]:
    """``water.json`` on some data, with keys set by their dotted paths."""
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
    return table
