"""Training that stops at a batch names the frames in it."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.data import Sampler, load_systems
from deepmd_tf.data.source import DataSource
from deepmd_tf.errors import InputError
from deepmd_tf.train.failure import bad_batch

from ..runs import contents, dp, stored_state, write_data, write_input


def message_of(place, batch_size):
    write_data(place)
    systems = load_systems([place / "data_0", place / "data_1"], ["O", "H"])
    source = DataSource(systems, Sampler(systems, batch_size, seed=1))
    error = bad_batch(source, 3, 7, "not good")
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


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("data_1", "loss or gradient is not finite; inspect these frames, or lower learning_rate.start_lr"),
        pytest.param("data_2", "the error on these validation frames is not finite", marks=pytest.mark.slow),
    ],
)
def test_numbers_that_overflow_stop_training_and_leave_checkpoints_alone(tmp_path, monkeypatch, system, words):
    """Labels of 1e200 are finite, their squares are not."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_input(tmp_path)
    assert dp("train", "input.json").status == 0
    before = {name: data for name, data in contents(tmp_path).items() if name.startswith("model.ckpt")}
    path = tmp_path / system / "set.000" / "force.npy"
    np.save(path, np.load(path) + 1e200)
    write_input(tmp_path, {"training.numb_steps": 40, "training.save_freq": 100})
    result = dp("train", "input.json", "--restart", "model.ckpt")
    assert result.status == 2
    assert words in result.message
    assert f"{system}, frames [" in result.message
    assert "Checkpoints written before are kept" in result.message
    assert "Traceback" not in result.err
    after = {name: data for name, data in contents(tmp_path).items() if name.startswith("model.ckpt")}
    assert after == before
    assert stored_state("model.ckpt")  # verified by its checksums when it is read
