"""Hooks into a run: what a script or notebook can observe while `Run.train` works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepmd_tf.config import Config


@dataclass(frozen=True)
class Beginning:
    """State of a run before its first step.

    Attributes
    ----------
    config : Config
        The complete configuration, `sel` and `seed` in numbers.
    step : int
        Steps done so far: 0, or those of the checkpoint of a restart.
    """

    config: Config
    step: int


@dataclass(frozen=True)
class Display:
    """One line of the learning curve.

    Attributes
    ----------
    step : int
        Steps done.
    training, validation : dict of str to float
        Root-mean-square errors: ``rmse`` (square root of the loss), ``rmse_e`` (eV/atom), ``rmse_f`` (eV/Å), ``rmse_v``
        (eV/atom), those that the loss has; nan without labels. `training` is an average over all steps since the
        previous line. `validation` is None without validation data.
    learning_rate : float
        The learning rate.
    """

    step: int
    training: dict[str, float]
    validation: dict[str, float] | None
    learning_rate: float


@dataclass(frozen=True)
class TrainingResult:
    """Outcome of a run.

    Attributes
    ----------
    checkpoint : Path
        The last checkpoint.
    step, last_step : int
        Steps done and steps asked for (``training.numb_steps``).
    elapsed : timedelta
        Wall time of the steps.
    interrupted : bool
        Whether a signal or a callback ended the run before its last step.
    best : Path or None
        The checkpoint with the smallest validation error; None without validation.
    best_score : float
        Its force error (eV/Å), or energy error (eV/atom) without forces; infinite without validation.
    parallel : tuple of (str, str)
        Names and texts that describe how well ranks worked together; empty for one rank.
    """

    checkpoint: Path
    step: int
    last_step: int
    elapsed: timedelta
    interrupted: bool
    best: Path | None
    best_score: float
    parallel: tuple[tuple[str, str], ...] = ()


class Callback:
    """Base class of callbacks; override what you need.

    Rank 0 calls them between steps. An exception ends the run; the checkpoints written so far remain.
    """

    def on_begin(self, beginning: Beginning) -> None:
        """Handle the begin of the run, before its first step."""

    def on_step(self, step: int) -> None:
        """Handle the end of a step."""

    def on_display(self, display: Display) -> bool | None:
        """Handle a new line of the learning curve; return True to stop the run after saving a checkpoint."""

    def on_save(self, step: int, checkpoint: Path) -> None:
        """Handle a new checkpoint, numbered or ``-best``."""

    def on_end(self, result: TrainingResult) -> None:
        """Handle the regular end of the run."""

    def close(self) -> None:
        """Release resources; called last, after errors too."""


class Callbacks(Callback):
    """Several callbacks, called in turn."""

    def __init__(self, callbacks: tuple[Callback, ...]):
        self._callbacks = callbacks

    def on_begin(self, beginning: Beginning) -> None:
        """Call `on_begin` of all."""
        for callback in self._callbacks:
            callback.on_begin(beginning)

    def on_step(self, step: int) -> None:
        """Call `on_step` of all."""
        for callback in self._callbacks:
            callback.on_step(step)

    def on_display(self, display: Display) -> bool:
        """Call `on_display` of all; return whether one of them returned True."""
        return any([callback.on_display(display) for callback in self._callbacks])

    def on_save(self, step: int, checkpoint: Path) -> None:
        """Call `on_save` of all."""
        for callback in self._callbacks:
            callback.on_save(step, checkpoint)

    def on_end(self, result: TrainingResult) -> None:
        """Call `on_end` of all."""
        for callback in self._callbacks:
            callback.on_end(result)

    def close(self) -> None:
        """Call `close` of all."""
        for callback in self._callbacks:
            callback.close()
