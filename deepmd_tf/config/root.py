"""The whole input file."""

# ruff: noqa: RUF009 - `option` declares a dataclass field
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import option
from deepmd_tf.config.learning_rate import LearningRateConfig
from deepmd_tf.config.loss import LossConfig
from deepmd_tf.config.model import ModelConfig
from deepmd_tf.config.optimizer import AdamConfig
from deepmd_tf.config.training import TrainingConfig
from deepmd_tf.config.variants import LEARNING_RATES, LOSSES, OPTIMIZERS


@dataclass(frozen=True, kw_only=True)
class Config:
    """The input file of `dp train`."""

    model: ModelConfig = option("The potential.", section=ModelConfig)
    learning_rate: LearningRateConfig = option(
        "The schedule of the learning rate.", LearningRateConfig(), variants=LEARNING_RATES
    )
    loss: LossConfig = option("The loss function.", LossConfig(), variants=LOSSES)
    optimizer: AdamConfig | None = option(
        "The optimizer. Without this section it is Adam, as in DeePMD-kit; SOAP needs far fewer steps "
        "(docs/training.md).",
        None,
        variants=OPTIMIZERS,
    )
    training: TrainingConfig = option("The training run.", section=TrainingConfig)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if self.training.numb_steps is not None:
            for key, message in self.learning_rate.problems_in_run_of(self.training.numb_steps):
                yield f"learning_rate.{key}", message
