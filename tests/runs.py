"""Tiny systems and input files, and the command line run in this process."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.cli import main

EDGE = 7.0
INPUT = {
    "model": {
        "type_map": ["O", "H"],
        "type_embedding": {"neuron": [2], "seed": 1},
        "descriptor": {
            "type": "se_e2_a",
            "sel": [6, 6],
            "rcut": 4.0,
            "rcut_smth": 1.0,
            "neuron": [3, 6],
            "axis_neuron": 2,
            "type_one_side": True,
            "seed": 1,
        },
        "fitting_net": {"neuron": [6, 6], "seed": 1},
    },
    "learning_rate": {"type": "exp", "decay_steps": 2, "start_lr": 1e-3, "stop_lr": 1e-5},
    "loss": {"type": "ener"},
    "training": {
        "training_data": {"systems": ["data_0", "data_1"], "batch_size": 2},
        "validation_data": {"systems": ["data_2"], "batch_size": 2, "numb_btch": 2},
        "numb_steps": 4,
        "seed": 10,
        "disp_file": "lcurve.out",
        "disp_freq": 2,
        "save_freq": 2,
    },
}


def pair_labels(coord: np.ndarray, edge: float | None) -> dict[str, np.ndarray]:
    """Energy, force and virial of ``sum exp(-r)`` over pairs at their shortest image, of atoms [nframes, natoms, 3]."""
    nframes, natoms = coord.shape[:2]
    apart = coord[:, :, None] - coord[:, None]
    if edge is not None:
        apart -= edge * np.round(apart / edge)
    r = np.linalg.norm(apart, axis=-1) + np.eye(natoms)
    weight = np.exp(-r) * (1 - np.eye(natoms))
    pair_force = apart * (weight / r)[..., None]
    return {
        "energy": 0.5 * weight.sum(axis=(1, 2)),
        "force": pair_force.sum(axis=2).reshape(nframes, -1),
        "virial": 0.5 * np.einsum("fija,fijb->fab", apart, pair_force).reshape(nframes, 9),
    }


def write_system(
    directory: Path,
    *,
    types: Sequence[int] = (0, 1, 1, 0),
    nframes: int = 4,
    labels: Sequence[str] = ("energy", "force", "virial"),
    periodic: bool = True,
    seed: int = 0,
) -> Path:
    """Write a system of the atoms O and H around the corners of a cube, labeled by `pair_labels`."""
    rng = np.random.default_rng(seed)
    corners = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)])[: len(types)]
    coord = corners * EDGE / 2 * 0.8 + rng.normal(0, 0.2, (nframes, len(types), 3))
    folder = directory / "set.000"
    folder.mkdir(parents=True)
    arrays = {"coord": coord.reshape(nframes, -1)}
    arrays |= {name: rows for name, rows in pair_labels(coord, EDGE if periodic else None).items() if name in labels}
    if periodic:
        arrays["box"] = np.tile(EDGE * np.eye(3).ravel(), (nframes, 1))
    else:
        (directory / "nopbc").touch()
    for name, rows in arrays.items():
        np.save(folder / f"{name}.npy", rows)
    (directory / "type.raw").write_text("\n".join(map(str, types)) + "\n")
    (directory / "type_map.raw").write_text("O\nH\n")
    return directory


def write_data(place: Path) -> None:
    """Write data_0 and data_1, of different sizes, for training, and data_2 for validation."""
    write_system(place / "data_0", seed=1)
    write_system(place / "data_1", types=(0, 1, 1), nframes=3, seed=2)
    write_system(place / "data_2", nframes=5, seed=3)


def changed(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of an input with keys set by their dotted paths; the value `...` removes the key."""
    result = copy.deepcopy(table)
    for path, value in changes.items():
        *sections, key = path.split(".")
        section = result
        for name in sections:
            section = section[name]
        if value is ...:
            del section[key]
        else:
            section[key] = value
    return result


def write_input(place: Path, changes: dict[str, Any] | None = None, name: str = "input.json") -> Path:
    """Write `INPUT` with some keys changed."""
    path = place / name
    path.write_text(json.dumps(changed(INPUT, changes or {}), indent=1))
    return path


class Result(NamedTuple):
    """What a command did: exit status, standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The error message: what follows "error:"."""
        return self.err.partition("error: ")[2]


def contents(directory: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def dp(*arguments: object) -> Result:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code or 0
    return Result(int(status), out.getvalue(), err.getvalue())


def stored_state(place: Path) -> dict[str, bytes]:
    """Everything in a checkpoint: parameters, moments and counter of the optimizer, sums; bit by bit."""
    stored = StoredCheckpoint(place)
    reader = tf.train.load_checkpoint(str(stored.path / "state"))
    names = [name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    state = {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names if "save_counter" not in name}
    return state | {"step": bytes([stored.step]), "metadata": json.dumps(stored.metadata).encode()}
