"""Training that stops at a batch names the frames in it."""

from __future__ import annotations

from types import SimpleNamespace

from deepmd_tf.data import Sampler, load_systems
from deepmd_tf.errors import InputError
from deepmd_tf.train.prepare import DataSource
from deepmd_tf.train.trainer import Trainer

from .runs import write_data


def message_of(place, batch_size):
    write_data(place)
    systems = load_systems([place / "data_0", place / "data_1"], ["O", "H"])
    source = DataSource(systems, Sampler(systems, batch_size, seed=1))
    error = Trainer._bad_batch(SimpleNamespace(step=7), source, 3, "not good")
    assert isinstance(error, InputError)
    parts = [f"{systems[i].path}, frames {frames.tolist()}" for i, frames in source.sampler.batch_at(3)]
    return str(error), parts


def test_frames_of_one_system(tmp_path):
    message, (part,) = message_of(tmp_path, 2)
    assert message == f"after step 7: {part}: not good. Checkpoints written before are kept"


def test_frames_of_several_systems(tmp_path):
    message, parts = message_of(tmp_path, "mixed:6")
    assert len(parts) == 2
    assert f"{parts[0]}; {parts[1]}: not good" in message
