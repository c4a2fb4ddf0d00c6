"""Input files for short training runs of both programs on the water data."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepmd_tf.cli import main

from .peer import ROOT

EXAMPLE = ROOT / "examples" / "water"
WATER = Path(os.environ.get("DEEPMD_WATER_DATA") or EXAMPLE)
SMALL: dict[str, Any] = {
    "model": {
        "type_map": ["O", "H"],
        "type_embedding": {"neuron": [2, 4], "resnet_dt": False, "seed": 1},
        "descriptor": {
            "type": "se_e2_a",
            "sel": [46, 92],
            "rcut": 6.0,
            "rcut_smth": 0.5,
            "neuron": [4, 8],
            "axis_neuron": 4,
            "resnet_dt": False,
            "type_one_side": True,
            "seed": 1,
        },
        "fitting_net": {"neuron": [8, 8], "resnet_dt": True, "seed": 1},
    },
    "learning_rate": {"type": "exp", "decay_steps": 5, "start_lr": 1e-2, "stop_lr": 1e-4},
    "loss": {"type": "ener", "start_pref_e": 0.02, "start_pref_f": 1000, "start_pref_v": 0, "limit_pref_v": 0},
    "training": {
        "training_data": {"systems": [str(WATER / f"data_{k}") for k in range(3)], "batch_size": 1},
        "numb_steps": 10,
        "seed": 1,
        "disp_freq": 5,
        "save_freq": 10,
    },
}


def water_input(changes: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return `SMALL` with the keys at dotted paths set, or removed if the value is None."""
    table = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *sections, key = path.split(".")
        section = table
        for name in sections:
            section = section[name]
        section[key] = value
        if value is None:
            del section[key]
    return table


def water_frames(nframes: int = 2, system: Path = WATER / "data_2") -> dict[str, Any]:
    """Return frames of the water data as arguments of an evaluation, with the model's types O H."""
    names = (system / "type_map.raw").read_text().split()
    types = np.array([["O", "H"].index(names[k]) for k in np.loadtxt(system / "type.raw", dtype=int)])
    folder = system / "set.000"
    coord, box = (np.load(folder / f"{name}.npy")[:nframes].astype(float) for name in ("coord", "box"))
    return {"coord": coord, "cells": box, "types": types}


def train_ours(directory: Path, table: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Path:
    """Run our `dp train` and `dp freeze` in `directory`; return the path of the graph."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "input.json").write_text(json.dumps(table, indent=1))
    monkeypatch.chdir(directory)
    assert main(["train", "input.json", "--skip-neighbor-stat", *arguments]) == 0
    assert main(["freeze", "--portable", "-o", "graph.pb"]) == 0
    return directory / "graph.pb"
