"""Nodes of a frozen graph that programs feed and read, with DeePMD-kit's names."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

import deepmd_tf
from deepmd_tf.config import Config, config_to_dict
from deepmd_tf.descriptor.padded import PaddedFrames
from deepmd_tf.model.energy_model import Prediction

MODEL_VERSION = "1.1"
PROGRAM = "train_attr/program"
"""Constant that names the program that wrote a graph; only graphs of this program have it."""


def placeholders(ntypes: int, numb_fparam: int, numb_aparam: int) -> PaddedFrames:
    """Create the placeholders of a graph and return the frames that they feed."""

    def placeholder(dtype, name, shape=(None,)):
        return tf.compat.v1.placeholder(dtype, shape, name)

    coord = placeholder(tf.float64, "t_coord")
    types = placeholder(tf.int32, "t_type")
    natoms = placeholder(tf.int32, "t_natoms", (ntypes + 2,))
    box = placeholder(tf.float64, "t_box")
    mesh = placeholder(tf.int32, "t_mesh")
    fparam = placeholder(tf.float64, "t_fparam") if numb_fparam else None
    aparam = placeholder(tf.float64, "t_aparam") if numb_aparam else None
    nall = natoms[1]
    return PaddedFrames(
        tf.reshape(coord, tf.stack([-1, nall * 3])),
        tf.reshape(types, tf.stack([-1, nall])),
        natoms,
        tf.reshape(box, [-1, 9]),
        mesh,
        fparam if fparam is None else tf.reshape(fparam, [-1, numb_fparam]),
        aparam if aparam is None else tf.reshape(aparam, tf.stack([-1, natoms[0] * numb_aparam])),
    )


def attributes(config: Config, min_distance: float, model_type: str = "original_model") -> None:
    """Write the facts about a model as constants.

    Parameters
    ----------
    config : Config
        Configuration of the run that trained the model; stored in the graph.
    min_distance : float
        Shortest distance between two atoms of the training data (Å).
    model_type : str
        ``"original_model"`` or ``"compressed_model"``.
    """
    model = config.model
    constants = {
        "descrpt_attr/rcut": np.float64(model.descriptor.rcut),
        "descrpt_attr/ntypes": np.int32(len(model.type_map)),
        **_slots(model.descriptor),
        "fitting_attr/dfparam": np.int32(model.fitting_net.numb_fparam),
        "fitting_attr/daparam": np.int32(model.fitting_net.numb_aparam),
        "model_attr/tmap": " ".join(model.type_map),
        "model_attr/model_type": "ener",
        "model_attr/model_version": MODEL_VERSION,
        "model_type": model_type,
        PROGRAM: f"deepmd_tf {deepmd_tf.__version__}",
        "train_attr/training_script": json.dumps(config_to_dict(config, common=True)),
        "train_attr/min_nbor_dist": np.float64(min_distance),
    }
    for name, value in constants.items():
        tf.constant(value, name=name)


def _slots(descriptor) -> dict[str, np.ndarray]:
    """Return the constants with the slots of each member of a descriptor."""
    hybrid = descriptor.members != (descriptor,)
    return {
        f"descrpt_attr{f'_{k}' * hybrid}/{name}": np.array(member.sel, np.int32)
        for k, member in enumerate(descriptor.members)
        for name in ("sel", "original_sel")
    }


def outputs(prediction: Prediction, frames: PaddedFrames) -> None:
    """Create the outputs of a graph."""
    nloc, nall = frames.natoms[0], frames.natoms[1]
    results = {
        "o_energy": (prediction.energy, [-1]),
        "o_force": (prediction.force, [-1, 3 * nall]),
        "o_virial": (prediction.virial, [-1, 9]),
        "o_atom_energy": (prediction.atom_energy, [-1, nloc]),
        "o_atom_virial": (prediction.atom_virial, [-1, 9 * nall]),
    }
    for name, (tensor, shape) in results.items():
        tf.reshape(tensor, tf.stack(shape), name=name)
    descriptor = prediction.descriptor
    tf.reshape(descriptor, tf.stack([-1, nloc, descriptor.shape[1]]), name="o_descriptor")
    if prediction.type_table is not None:
        tf.identity(prediction.type_table, name="t_typeebd")
