"""One training step and one evaluation, each a single graph function."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from deepmd_tf.descriptor.environment import Frames
from deepmd_tf.loss import METRICS, EnergyLoss
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.train.adam import Adam


def frames_of(batch: Mapping[str, tf.Tensor]) -> Frames:
    """Arrange a batch of the data pipeline as the model takes it."""
    mesh = tf.zeros([tf.where(batch["periodic"], 6, 0)], tf.int32)
    return Frames(
        batch["coord"],
        batch["type"],
        batch["natoms"],
        batch["box"],
        mesh,
        batch["fparam"],
        batch["aparam"],
    )


class TrainingStep:
    """Graph functions that train and evaluate.

    Parameters
    ----------
    model : EnergyModel
        The model.
    loss : EnergyLoss
        The loss.
    adam : Adam
        The optimiser, which holds the trainable parameters.
    batch_spec : mapping of str to TensorSpec
        What a batch looks like.
    """

    def __init__(self, model: EnergyModel, loss: EnergyLoss, adam: Adam, batch_spec: Mapping[str, tf.TensorSpec]):
        scalar = tf.TensorSpec([], tf.float64)
        self._model, self._loss, self._adam = model, loss, adam
        # No Python control flow depends on tensors, so autograph would only rewrite the sources, slowly.
        self.train = tf.function(self._train, input_signature=[dict(batch_spec), scalar, scalar], autograph=False)
        self.evaluate = tf.function(self._evaluate, input_signature=[dict(batch_spec), scalar], autograph=False)

    def _train(self, batch, learning_rate, lr_ratio):
        """Return metrics, the largest neighbour counts, and whether loss and gradients are finite."""
        variables = self._adam.variables_by_name
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables.values():
                tape.watch(variable)
            prediction = self._model(frames_of(batch))
            loss, metrics = self._loss(prediction, batch, lr_ratio)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        sums = [tf.cast(tf.reduce_sum(gradient), tf.float64) for gradient in gradients.values()]
        finite = tf.math.is_finite(tf.add_n([loss, *sums]))
        self._adam.apply(gradients, learning_rate)
        return tf.ensure_shape(metrics, [len(METRICS)]), prediction.max_neighbors, finite

    def _evaluate(self, batch, lr_ratio):
        """Return metrics and the largest neighbour counts."""
        prediction = self._model(frames_of(batch))
        _, metrics = self._loss(prediction, batch, lr_ratio)
        return metrics, prediction.max_neighbors
