"""One training step and one evaluation, each a single graph function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.descriptor.tabulation import Tabulation
from deepmd_tf.loss import METRICS, EnergyLoss
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.optimizer import Optimizer
from deepmd_tf.optimizer.clipping import clipped


def frames_of(batch: Mapping[str, tf.Tensor]) -> Frames:
    """Return the frames of a batch of the data pipeline."""
    return Frames(
        batch["coord"],
        batch["type"],
        batch["frame_splits"],
        batch["box"],
        batch["periodic"],
        batch["fparam"],
        batch["aparam"],
    )


class Learning(NamedTuple):
    """Parts of a training step.

    Attributes
    ----------
    model : EnergyModel
        The model.
    loss : EnergyLoss
        The loss.
    optimizer : Optimizer
        The optimizer, which holds the trainable parameters.
    max_norm : float or None
        Largest norm of the gradient, as for `clipped`.
    """

    model: EnergyModel
    loss: EnergyLoss
    optimizer: Optimizer
    max_norm: float | None = None

    def apply(self, gradients: Mapping[str, tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update the parameters, in a graph function; `gradients` is that of the whole batch."""
        self.optimizer.apply(clipped(gradients, self.max_norm), learning_rate)


class Outcome(NamedTuple):
    """Numbers of a step.

    Attributes
    ----------
    metrics : Tensor
        Sums named by `METRICS`.
    max_neighbors : Tensor
        As in `Prediction`.
    finite : Tensor
        Whether loss and gradients are finite.
    """

    metrics: tf.Tensor
    max_neighbors: tf.Tensor
    finite: tf.Tensor


class Attempt(NamedTuple):
    """Outcome of a step on panels that may be too wide.

    Attributes
    ----------
    outcome : Outcome
        Its numbers; not to be used unless resolved.
    errors : Tensor
        Truncation errors of the embedding, float64 ``[nmembers]``; see `descriptor.tabulation`.
    resolved : Tensor
        Whether they are within the round-off. If not, no parameter has changed.
    """

    outcome: Outcome
    errors: tf.Tensor
    resolved: tf.Tensor


class TrainingStep:
    """Graph functions that train and evaluate on given panels.

    Parameters
    ----------
    learning : Learning
        Model, loss and optimizer.
    batch_spec : mapping of str to TensorSpec
        Specs of the tensors of a batch.
    tabulated : sequence of bool
        Whether each member of the descriptor is tabulated.
    """

    def __init__(self, learning: Learning, batch_spec: Mapping[str, tf.TensorSpec], tabulated: Sequence[bool]):
        scalar = tf.TensorSpec([], tf.float64)
        self.panels_spec = tf.TensorSpec([len(tabulated)], tf.int32)
        self._model, self._loss, self._learning = learning.model, learning.loss, learning
        self._tabulated = tuple(tabulated)
        inputs = [dict(batch_spec), scalar]
        # No Python control flow depends on tensors, so autograph would only rewrite the sources, slowly.
        self.train = tf.function(self._train, input_signature=[*inputs, scalar, self.panels_spec], autograph=False)
        self.evaluate = tf.function(self._evaluate, input_signature=[*inputs, self.panels_spec], autograph=False)

    def _train(self, batch, learning_rate, lr_ratio, per_octave) -> Attempt:
        """Take a step, unless it is not finite or not resolved."""
        gradients, attempt = self.gradients(batch, self._loss.counts(batch), lr_ratio, per_octave)

        def apply():
            self._learning.apply(gradients, learning_rate)
            return True

        tf.cond(tf.logical_and(attempt.resolved, attempt.outcome.finite), apply, lambda: False)
        return attempt

    def gradients(self, batch, counts, lr_ratio, per_octave) -> tuple[dict[str, tf.Tensor], Attempt]:
        """Return the gradient of the loss by parameter name, and the numbers of the step.

        Parameters
        ----------
        batch : mapping of str to Tensor
            The frames.
        counts : Tensor
            Divisors of the means, as for `EnergyLoss`.
        lr_ratio : Tensor
            Learning rate divided by the first one.
        per_octave : Tensor
            Panels per octave of each member, int32 ``[nmembers]``.
        """
        tabulation = self._tabulation(per_octave)
        variables = self._learning.optimizer.variables_by_name
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables.values():
                tape.watch(variable)
            prediction = self._model(frames_of(batch), tabulation)
            loss, metrics = self._loss(prediction, batch, lr_ratio, counts)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        sums = [tf.cast(tf.reduce_sum(gradient), tf.float64) for gradient in gradients.values()]
        finite = tf.math.is_finite(tf.add_n([loss, *sums]))
        metrics = tf.ensure_shape(metrics, [len(METRICS)])
        outcome = Outcome(metrics, prediction.max_neighbors, finite)
        return gradients, Attempt(outcome, tabulation.errors(), tabulation.resolved())

    def _evaluate(self, batch, lr_ratio, per_octave) -> Attempt:
        """Evaluate a batch without learning from it."""
        tabulation = self._tabulation(per_octave)
        prediction = self._model(frames_of(batch), tabulation)
        loss, metrics = self._loss(prediction, batch, lr_ratio)
        outcome = Outcome(metrics, prediction.max_neighbors, tf.math.is_finite(loss))
        return Attempt(outcome, tabulation.errors(), tabulation.resolved())

    def _tabulation(self, per_octave: tf.Tensor) -> Tabulation:
        numbers = tf.unstack(per_octave)
        members = self._model.descriptor.members
        return Tabulation(members, [n if known else None for n, known in zip(numbers, self._tabulated, strict=True)])
