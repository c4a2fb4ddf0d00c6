"""TensorBoard events: read back as TensorBoard does, without its package."""

from __future__ import annotations

import resource

import pytest
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.train.events import EventLog


def scalars(directory) -> list[tuple[int, str, float]]:
    """(step, name, value) of every scalar in the event files of a directory."""
    found = []
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return found


def test_scalars_are_read_back(tmp_path):
    with EventLog(str(tmp_path / "log")) as log:
        log.write(1, {"rmse_trn": 0.5, "lr": 1e-3})
        log.write(20, {"rmse_trn": 0.25})
    found = scalars(tmp_path / "log")
    assert [(step, name) for step, name, _ in found] == [(1, "rmse_trn"), (1, "lr"), (20, "rmse_trn")]
    assert [value for *_, value in found] == pytest.approx([0.5, 1e-3, 0.25])


def test_a_second_run_adds_to_the_directory(tmp_path):
    for step in (1, 2):
        with EventLog(str(tmp_path)) as log:
            log.write(step, {"lr": 1.0})
    assert sorted(step for step, *_ in scalars(tmp_path)) == [1, 2]


def test_events_that_cannot_be_written_are_said_once(tmp_path):
    log = EventLog(str(tmp_path / "log"))
    log.write(1, {"lr": 1.0})
    (events,) = (tmp_path / "log").iterdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (events.stat().st_size, hard))
    try:
        with pytest.raises(InputError, match=r"training\.tensorboard_log_dir: .*log: .*File too large$") as caught, log:
            log.write(2, {"lr": 1.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "{{" not in str(caught.value) and "\n" not in str(caught.value)
