"""One training step and one evaluation, each a single graph function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from deepmd_tf.descriptor.frames import Frames
from deepmd_tf.loss import METRICS, EnergyLoss
from deepmd_tf.model.energy_model import EnergyModel, Prediction
from deepmd_tf.optimizer import Optimizer


def frames_of(batch: Mapping[str, tf.Tensor]) -> Frames:
    """Arrange a batch of the data pipeline as the model takes it."""
    return Frames(
        batch["coord"],
        batch["type"],
        batch["frame_splits"],
        batch["box"],
        batch["periodic"],
        batch["fparam"],
        batch["aparam"],
    )


class Outcome(NamedTuple):
    """What a step says.

    Attributes
    ----------
    metrics : Tensor
        Sums named by `METRICS`.
    max_neighbors, unresolved : Tensor
        As in `Prediction`.
    finite : Tensor
        Whether loss and gradients are.
    resolved : Tensor
        Whether the embedding was tabulated finely enough. When not, nothing was learnt and the numbers are not used.
    """

    metrics: tf.Tensor
    max_neighbors: tf.Tensor
    unresolved: tf.Tensor
    finite: tf.Tensor
    resolved: tf.Tensor


class TrainingStep:
    """Graph functions that train and evaluate.

    Parameters
    ----------
    model : EnergyModel
        The model.
    loss : EnergyLoss
        The loss.
    optimizer : Optimizer
        The optimizer, which holds the trainable parameters.
    batch_spec : mapping of str to TensorSpec
        What a batch looks like.
    """

    def __init__(
        self, model: EnergyModel, loss: EnergyLoss, optimizer: Optimizer, batch_spec: Mapping[str, tf.TensorSpec]
    ):
        scalar = tf.TensorSpec([], tf.float64)
        self._model, self._loss, self._optimizer = model, loss, optimizer
        # No Python control flow depends on tensors, so autograph would only rewrite the sources, slowly.
        self.train = tf.function(self._train, input_signature=[dict(batch_spec), scalar, scalar], autograph=False)
        self.evaluate = tf.function(self._evaluate, input_signature=[dict(batch_spec), scalar], autograph=False)

    def _train(self, batch, learning_rate, lr_ratio):
        """Take a step, unless it is not finite or the embedding not resolved, and return what `Outcome` holds."""
        gradients, outcome = self.gradients(batch, self._loss.counts(batch), lr_ratio)

        def apply():
            self._optimizer.apply(gradients, learning_rate)
            return True

        tf.cond(tf.logical_and(outcome.resolved, outcome.finite), apply, lambda: False)
        return outcome

    def gradients(self, batch, counts, lr_ratio) -> tuple[dict[str, tf.Tensor], Outcome]:
        """Return the gradient of the loss by parameter, and what `Outcome` holds; `counts` as the loss takes them."""
        variables = self._optimizer.variables_by_name
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables.values():
                tape.watch(variable)
            prediction = self._model(frames_of(batch))
            loss, metrics = self._loss(prediction, batch, lr_ratio, counts)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        sums = [tf.cast(tf.reduce_sum(gradient), tf.float64) for gradient in gradients.values()]
        finite = tf.math.is_finite(tf.add_n([loss, *sums]))
        metrics = tf.ensure_shape(metrics, [len(METRICS)])
        resolved = self._resolved(prediction)
        return gradients, Outcome(metrics, prediction.max_neighbors, prediction.unresolved, finite, resolved)

    def _evaluate(self, batch, lr_ratio):
        """Return what `Outcome` holds, of a batch that nothing is learnt from."""
        prediction = self._model(frames_of(batch))
        loss, metrics = self._loss(prediction, batch, lr_ratio)
        finite, resolved = tf.math.is_finite(loss), self._resolved(prediction)
        return Outcome(metrics, prediction.max_neighbors, prediction.unresolved, finite, resolved)

    def _resolved(self, prediction: Prediction) -> tf.Tensor:
        """Whether the tabulated embedding is that of the net; also where it is not finite, which is another matter."""
        return tf.logical_not(tf.reduce_any(prediction.unresolved > self._model.descriptor.tolerance))
