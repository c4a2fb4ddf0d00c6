"""`freeze`: from a checkpoint on disk to a graph file."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.checkpoint.writer import CheckpointWriter
from deepmd_tf.config import config_to_dict
from deepmd_tf.errors import InputError
from deepmd_tf.export.freeze import freeze
from deepmd_tf.export.graph_def import constants, read_graph_def

from ..models import VARIANTS, graph_file, model_config, random_parameters


@pytest.fixture
def checkpoint(tmp_path):
    """Two checkpoints of a run, with different parameters; returns the prefix and the values of both."""
    config = model_config(VARIANTS["resnet_dt"])
    parameters = random_parameters(config)
    writer = CheckpointWriter(
        tmp_path / "run" / "model.ckpt", 5, config_to_dict(config), {"parameters": parameters.by_name}
    )
    writer.save(10, {"data": {"min_nbor_dist": 0.8}})
    first = parameters.values()
    for variable in parameters.by_name.values():
        variable.assign(variable + 0.01)
    writer.save(20, {"data": {"min_nbor_dist": 0.8}})
    return writer.prefix, first, parameters.values()


def test_parameters_of_the_latest_checkpoint(checkpoint, tmp_path):
    prefix, first, last = checkpoint
    output = tmp_path / "graph.pb"
    for place, expected, step in (
        (prefix, last, 20),
        (prefix.parent, last, 20),
        (prefix.with_name("model.ckpt-10"), first, 10),
    ):
        assert freeze(place, output).step == step
        stored = constants(read_graph_def(output))
        for name, value in expected.items():
            np.testing.assert_array_equal(stored[name], value)
        assert stored["train_attr/min_nbor_dist"] == 0.8


def test_twice_is_the_same_file(checkpoint, tmp_path):
    freeze(checkpoint[0], tmp_path / "a.pb")
    freeze(checkpoint[0], tmp_path / "b.pb")
    assert (tmp_path / "a.pb").read_bytes() == (tmp_path / "b.pb").read_bytes()


def test_places_that_cannot_be_written(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"the directory .*absent does not exist"):
        freeze(checkpoint[0], tmp_path / "absent" / "graph.pb")
    (tmp_path / "folder.pb").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*folder\.pb"):
        freeze(checkpoint[0], tmp_path / "folder.pb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.pb", "run"]


def test_no_checkpoint_leaves_an_old_graph_alone(tmp_path):
    output = tmp_path / "graph.pb"
    output.write_bytes(graph_file("one_side").read_bytes())
    with pytest.raises(InputError, match="no checkpoint found"):
        freeze(tmp_path / "nothing", output)
    assert output.read_bytes() == graph_file("one_side").read_bytes()
