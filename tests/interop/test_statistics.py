"""Statistics over the same frames equal those in the graphs of DeePMD-kit.

The data are in the directory given by the environment variable DEEPMD_WATER_DATA (with data_0 to data_2), or else those
of the water example.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from deepmd_tf.export.graph_def import constants, read_graph_def

from .inputs import WATER, train_ours, water_input

NAMES = ("descrpt_attr/t_avg", "descrpt_attr/t_std", "fitting_attr/t_bias_atom_e")
INPUTS = {
    "plain": {},
    "set_davg_zero": {"model.descriptor.set_davg_zero": True},
    "exclude_types": {"model.descriptor.exclude_types": [[0, 1]]},
    "atom_ener": {"model.fitting_net.atom_ener": [None, -100.0]},
    "rcond": {"model.fitting_net.rcond": 1e-3},
    "absent_type": {"model.type_map": ["O", "C", "H"], "model.descriptor.sel": [46, 4, 92]},
}


def frames_in(system: Path) -> int:
    return sum(len(np.load(path)) for path in system.glob("set.*/coord.npy"))


def every_frame() -> dict[str, int]:
    """Return a number of batches per system that uses all frames equally often, in whatever random order."""
    return {"model.data_stat_nbatch": math.lcm(*(frames_in(WATER / f"data_{k}") for k in range(3)))}


@pytest.mark.parametrize("name", INPUTS)
def test_equal(peer, name, tmp_path, monkeypatch):
    table = water_input(INPUTS[name] | every_frame() | {"training.numb_steps": 1})
    theirs = constants(read_graph_def(peer.train(tmp_path / "theirs", table)))
    ours = constants(read_graph_def(train_ours(tmp_path / "ours", table, monkeypatch)))
    for node in NAMES:
        assert ours[node].shape == theirs[node].shape, node
        np.testing.assert_allclose(ours[node], theirs[node], rtol=1e-6, atol=1e-12, err_msg=node)
