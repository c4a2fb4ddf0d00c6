"""What a training step is fed: flat arrays of one batch under fixed names."""

from __future__ import annotations

import numpy as np

from deepmd_tf.data.batch import Batch
from deepmd_tf.data.labels import OPTIONAL

FLOATS: dict[str, int] = {
    "coord": 2,
    "box": 2,
    "energy": 1,
    "force": 2,
    "virial": 2,
    "atom_ener": 2,
    "fparam": 2,
    "aparam": 2,
    **{f"has_{label.name}": 0 for label in OPTIONAL},
}
"""Names and ranks of the float64 arrays."""

INTEGERS: dict[str, int] = {"type": 2, "natoms": 1}
"""Names and ranks of the int32 arrays."""


def feed(batch: Batch, ntypes: int) -> dict[str, np.ndarray]:
    """Return the arrays of a batch, the same names whatever labels it has.

    Returns
    -------
    dict
        `coord [nframes, 3 natoms]`, `type [nframes, natoms]`, `box [nframes, 9]` (zeros when open),
        `natoms [ntypes + 2]` (natoms twice, then the atoms of each type), `periodic []` (bool), `energy [nframes]`,
        `force [nframes, 3 natoms]`, `virial [nframes, 9]`, `atom_ener [nframes, natoms]`, `fparam [nframes, nfparam]`,
        `aparam [nframes, natoms naparam]`, and for each of the last six `has_<name> []`: 1.0, or 0.0 with zeros in its
        place.
    """
    nframes, natoms = batch.nframes, batch.natoms
    absent = {
        "energy": (nframes,),
        "force": (nframes, 3 * natoms),
        "virial": (nframes, 9),
        "atom_ener": (nframes, natoms),
    }
    counts = np.bincount(batch.type[0], minlength=ntypes)
    result = {
        "coord": batch.coord.reshape(nframes, -1),
        "type": batch.type,
        "box": np.zeros((nframes, 9)) if batch.box is None else batch.box.reshape(nframes, 9),
        "natoms": np.array([natoms, natoms, *counts], dtype=np.int32),
        "periodic": np.array(batch.box is not None),
    }
    for label in OPTIONAL:
        values = getattr(batch, label.name)
        result[f"has_{label.name}"] = np.array(0.0 if values is None else 1.0)
        if values is None:
            result[label.name] = np.zeros(absent.get(label.name, (nframes, 0)))
        else:
            result[label.name] = values if label.name == "energy" else values.reshape(nframes, -1)
    return result
