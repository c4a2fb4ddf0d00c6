"""Files of a run: checkpoints, the learning curve and TensorBoard events. Ranks other than 0 write nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from deepmd_tf.checkpoint.earlier import bring_back, set_aside
from deepmd_tf.checkpoint.writer import CheckpointWriter
from deepmd_tf.config import Config, config_to_dict
from deepmd_tf.files import check_writable, make_directory
from deepmd_tf.train.callbacks import Display
from deepmd_tf.train.events import EventLog
from deepmd_tf.train.lcurve import LearningCurve
from deepmd_tf.train.ranks import Ranks


def check_outputs(config: Config) -> None:
    """Check, before anything is written or computed, that the run can write its files.

    Raises
    ------
    InputError
        Naming the key whose file or directory cannot be written.
    """
    options = config.training
    check_writable(options.disp_file, "training.disp_file")
    if options.stat_file is not None and not Path(options.stat_file).is_dir():
        check_writable(options.stat_file, "training.stat_file")
    make_directory(Path(options.save_ckpt).parent, "training.save_ckpt")
    if options.tensorboard:
        make_directory(options.tensorboard_log_dir, "training.tensorboard_log_dir")


class NoOutputs:
    """Output of a rank that writes nothing."""

    def __enter__(self) -> NoOutputs:
        """Open the files."""
        return self

    def __exit__(self, *exception) -> None:
        """Close the files."""

    def save(self, step: int, metadata: dict, label: str | None = None) -> Path | None:
        """Write a checkpoint, see `CheckpointWriter.save`; return None when this rank writes nothing."""

    def line(self, display: Display) -> None:
        """Append a line to the learning curve."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add points to the curves of the TensorBoard events."""


class Outputs(NoOutputs):
    """Output of rank 0.

    Parameters
    ----------
    writer : CheckpointWriter
        Writes the checkpoints.
    curve : LearningCurve
        The learning curve.
    events : EventLog, optional
        TensorBoard events.
    """

    def __init__(self, writer: CheckpointWriter, curve: LearningCurve, events: EventLog | None):
        self._writer, self._curve, self._events = writer, curve, events
        self._open = ExitStack()
        self._open.enter_context(curve)
        if events is not None:
            self._open.enter_context(events)

    def __exit__(self, *exception) -> None:
        """Close the files."""
        self._open.__exit__(*exception)

    def save(self, step: int, metadata: dict, label: str | None = None) -> Path:
        """Write a checkpoint, see `CheckpointWriter.save`, after syncing the learning curve to disk."""
        self._curve.sync()
        return self._writer.save(step, metadata, label)

    def line(self, display: Display) -> None:
        """Append a line to the learning curve."""
        self._curve.write(display.step, display.training, display.validation, display.learning_rate)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add points to the curves of the TensorBoard events."""
        if self._events is not None:
            self._events.write(step, values)


def open_outputs(
    config: Config,
    ranks: Ranks,
    trackables: Mapping,
    columns: tuple[tuple[str, ...], bool],
    begin: tuple[int, Path | None],
) -> NoOutputs:
    """Open the files that this rank writes, after moving the files of an earlier run out of the way.

    Parameters
    ----------
    config : Config
        The configuration of the run; checkpoints store it.
    ranks : Ranks
        Only rank 0 writes.
    trackables : mapping
        Variables that checkpoints store, as for `CheckpointWriter`.
    columns : tuple
        Names of the errors in the learning curve, and whether validation errors are among them.
    begin : tuple
        First step, and the checkpoint that the run continues; None for a new run.
    """
    if not ranks.leads:
        return NoOutputs()
    options, (step, continued) = config.training, begin
    writer = CheckpointWriter(options.save_ckpt, options.max_ckpt_keep, config_to_dict(config), trackables)
    if continued is None:
        set_aside(options.save_ckpt, options.disp_file)
    else:
        bring_back(options.save_ckpt, options.disp_file, continued)
    curve = LearningCurve(options.disp_file, *columns, step)
    events = EventLog(options.tensorboard_log_dir) if options.tensorboard else None
    return Outputs(writer, curve, events)
