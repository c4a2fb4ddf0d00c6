"""What a run writes: checkpoints, the learning curve, events; and the same calls for a rank that writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from deepmd_tf.checkpoint.writer import CheckpointWriter
from deepmd_tf.train.events import EventLog
from deepmd_tf.train.lcurve import LearningCurve


class NoOutputs:
    """Writes nothing."""

    def __enter__(self) -> NoOutputs:
        """Begin."""
        return self

    def __exit__(self, *exception) -> None:
        """End."""

    def save(self, step: int, metadata: dict, label: str | None = None) -> Path | None:
        """Write a checkpoint, see `CheckpointWriter.save`."""

    def line(self, step: int, training: dict, validation: dict | None, rate: float) -> None:
        """Add a line to the learning curve, see `LearningCurve.write`."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add points to the curves of the events."""


class Outputs(NoOutputs):
    """The files of a run.

    Parameters
    ----------
    options : TrainingConfig
        The section ``training``.
    columns : tuple
        Keys of the errors in the learning curve, and whether validation errors are among them.
    first_step : int
        Step at which this run begins.
    writer : CheckpointWriter
        Of the checkpoints.
    """

    def __init__(self, options, columns: tuple[tuple[str, ...], bool], first_step: int, writer: CheckpointWriter):
        self._writer, self._open = writer, ExitStack()
        self._curve = self._open.enter_context(LearningCurve(options.disp_file, *columns, first_step))
        self._events = EventLog(options.tensorboard_log_dir) if options.tensorboard else None
        if self._events is not None:
            self._open.enter_context(self._events)

    def __exit__(self, *exception) -> None:
        """Close the files."""
        self._open.__exit__(*exception)

    def save(self, step: int, metadata: dict, label: str | None = None) -> Path:
        """Write a checkpoint, see `CheckpointWriter.save`; the learning curve up to it is on disk before it."""
        self._curve.sync()
        return self._writer.save(step, metadata, label)

    def line(self, step: int, training: dict, validation: dict | None, rate: float) -> None:
        """Add a line to the learning curve, see `LearningCurve.write`."""
        self._curve.write(step, training, validation, rate)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add points to the curves of the events."""
        if self._events is not None:
            self._events.write(step, values)
