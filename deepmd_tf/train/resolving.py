"""Training steps that tabulate the embedding as finely as the parameters need."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import tensorflow as tf

from deepmd_tf.descriptor.tabulation import Resolution
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.shared_step import SharedStep
from deepmd_tf.train.step import Attempt, Learning, Outcome, TrainingStep

log = logging.getLogger("deepmd_tf")


class ResolvingStep:
    """Trains and evaluates; repeats a step on finer panels when the embedding is not resolved.

    Parameters
    ----------
    ranks : Ranks
        Processes that train together.
    learning : Learning
        Model, loss and optimizer.
    batch_spec : mapping of str to TensorSpec
        Specs of the tensors of a batch.
    resolution : Resolution, optional
        Panels to begin with; the coarsest by default.
    """

    def __init__(
        self,
        ranks: Ranks,
        learning: Learning,
        batch_spec: Mapping[str, tf.TensorSpec],
        resolution: Resolution | None = None,
    ):
        self._ranks, self._learning, self._batch_spec = ranks, learning, batch_spec
        self._members = learning.model.descriptor.members
        self._resolution = resolution or Resolution.coarsest(self._members)
        self._functions = self._compiled()

    @property
    def resolution(self) -> Resolution:
        """The panels in use, which a restart continues with."""
        return self._resolution

    def train(self, batch: Mapping[str, tf.Tensor], learning_rate: float, lr_ratio: float) -> Outcome:
        """Take a step, unless loss or gradients are not finite; see `TrainingStep`."""
        return self._resolved(lambda step, panels: step.train(batch, learning_rate, lr_ratio, panels))

    def evaluate(self, batch: Mapping[str, tf.Tensor] | None, lr_ratio: float) -> Outcome:
        """Evaluate a batch without learning from it; see `TrainingStep`."""
        return self._resolved(lambda step, panels: step.evaluate(batch, lr_ratio, panels))

    def _resolved(self, run: Callable[..., Attempt]) -> Outcome:
        while True:
            attempt = run(self._functions, self._resolution.numbers())
            if attempt.resolved:
                return attempt.outcome
            before, self._resolution = self._resolution, self._resolution.refined(self._members, attempt.errors.numpy())
            log.debug("the embedding is tabulated on %s", self._resolution)
            if self._resolution.tabulated != before.tabulated:
                self._functions = self._compiled()

    def _compiled(self) -> TrainingStep | SharedStep:
        given = (self._learning, self._batch_spec, self._resolution.tabulated)
        return TrainingStep(*given) if self._ranks.size == 1 else SharedStep(self._ranks, *given)
