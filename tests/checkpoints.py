"""Checkpoints of a run that has one parameter."""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.checkpoint.writer import CheckpointWriter


class Run:
    """A run whose one parameter, ``net/matrix``, holds the number that was saved last."""

    def __init__(self, directory, keep=3, prefix="model.ckpt"):
        self.prefix = directory / prefix
        self.variable = tf.Variable(0.0, dtype=tf.float64)
        self.trackables = {"parameters": {"net/matrix": self.variable}, "adam": {"updates": tf.Variable(0)}}
        self.writer = CheckpointWriter(self.prefix, keep, {"model": {}}, self.trackables)

    def save(self, step, value=None, label=None):
        self.variable.assign(step if value is None else value)
        return self.writer.save(step, {"best": 1.5, "value": float(self.variable)}, label)


def value_of(place) -> float:
    """The parameter in a checkpoint, read in both ways that there are, which must agree with its metadata."""
    stored = StoredCheckpoint(place)
    run = Run.__new__(Run)
    run.variable = tf.Variable(-1.0, dtype=tf.float64)
    stored.restore({"parameters": {"net/matrix": run.variable}, "adam": {"updates": tf.Variable(0)}})
    assert stored.values() == {"net/matrix": run.variable.numpy()}
    assert stored.metadata["value"] == run.variable.numpy()
    return float(run.variable)


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir()}
