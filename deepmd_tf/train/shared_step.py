"""A training step whose batch several ranks share: each computes a gradient of its frames, their sum is learnt from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepmd_tf.loss import METRICS, EnergyLoss
from deepmd_tf.loss.energy import TERMS
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.optimizer import Optimizer
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.step import Outcome, TrainingStep


def make_step(ranks: Ranks, model: EnergyModel, loss: EnergyLoss, optimizer: Optimizer, batch_spec: Mapping):
    """Build what trains and evaluates: `TrainingStep` for one rank, `SharedStep` for several."""
    if ranks.size == 1:
        return TrainingStep(model, loss, optimizer, batch_spec)
    return SharedStep(ranks, model, loss, optimizer, batch_spec)


class SharedStep:
    """The functions of `TrainingStep` for one of several ranks; all of them call the same one at the same time.

    The means of the loss divide by the numbers of labels of the whole batch, so the losses of the ranks' frames add up
    to that of the batch, and so do their gradients, however frames and labels are spread over the ranks. All ranks
    learn from the same sum, so their parameters stay the same bit by bit.

    Parameters
    ----------
    ranks : Ranks
        More than one.
    model, loss, optimizer, batch_spec
        As `TrainingStep` takes them.
    """

    def __init__(self, ranks: Ranks, model: EnergyModel, loss: EnergyLoss, optimizer: Optimizer, batch_spec: Mapping):
        self._ranks, self._loss, self._optimizer = ranks, loss, optimizer
        self._own = TrainingStep(model, loss, optimizer, batch_spec)
        scalar = tf.TensorSpec([], tf.float64)
        counts = tf.TensorSpec([len(TERMS)], tf.float64)
        self._compute = tf.function(self._flat, input_signature=[dict(batch_spec), counts, scalar], autograph=False)
        self._learn = tf.function(
            self._apply, input_signature=[tf.TensorSpec([None], tf.float64), scalar], autograph=False
        )

    def train(self, batch: Mapping[str, tf.Tensor], learning_rate: float, lr_ratio: float) -> Outcome:
        """Take a step, unless it is not finite or the embedding not resolved on some rank; `Outcome` is of all ranks.

        Parameters
        ----------
        batch : mapping of str to Tensor
            This rank's frames.
        learning_rate, lr_ratio : float
            The learning rate, and over the first one.
        """
        counts = self._ranks.sum(self._loss.counts(batch).numpy())
        flat, max_neighbors, unresolved = self._compute(batch, counts, lr_ratio)
        total = self._ranks.sum(flat.numpy())
        metrics, (not_finite, not_resolved), gradients = np.split(total, [len(METRICS), len(METRICS) + 2])
        if not (not_finite or not_resolved):
            self._learn(gradients, learning_rate)
        unresolved = unresolved.numpy()
        largest = self._ranks.largest(np.concatenate([max_neighbors.numpy(), unresolved.ravel()]))
        neighbors, errors = np.split(largest, [len(max_neighbors)])
        errors = errors.reshape(unresolved.shape)
        return Outcome(
            *map(tf.constant, (metrics, neighbors.astype(np.int32), errors, not not_finite, not not_resolved))
        )

    def evaluate(self, batch: Mapping[str, tf.Tensor] | None, lr_ratio: float) -> Outcome:
        """Evaluate a batch on every rank, each its own, or none on some.

        Returns
        -------
        Outcome
            Of all ranks, but `finite`, which is of this rank's batch.
        """
        own = None if batch is None else [part.numpy() for part in self._own.evaluate(batch, lr_ratio)]
        found = [Outcome(*each) for each in self._ranks.gather(own) if each is not None]
        metrics = np.sum([each.metrics for each in found], axis=0)
        neighbors = np.max([each.max_neighbors for each in found], axis=0)
        unresolved = np.max([each.unresolved for each in found], axis=0)
        resolved = all(each.resolved for each in found)
        finite = own is None or bool(Outcome(*own).finite)
        return Outcome(*map(tf.constant, (metrics, neighbors, unresolved, finite, resolved)))

    def _flat(self, batch, counts, lr_ratio) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return what is added up over ranks in one vector, and two things of which the largest counts.

        The vector holds metrics, 1 where something is not finite, 1 where it is not resolved, and the gradients.
        """
        gradients, outcome = self._own.gradients(batch, counts, lr_ratio)
        flags = [tf.cast(tf.logical_not(flag), tf.float64) for flag in (outcome.finite, outcome.resolved)]
        rows = [tf.cast(tf.reshape(gradients[name], [-1]), tf.float64) for name in self._optimizer.variables_by_name]
        return tf.concat([outcome.metrics, tf.stack(flags), *rows], axis=0), outcome.max_neighbors, outcome.unresolved

    def _apply(self, flat, learning_rate) -> None:
        """Learn from gradients that stand one after another."""
        variables = self._optimizer.variables_by_name
        parts = tf.split(flat, [variable.shape.num_elements() for variable in variables.values()])
        gradients = {
            name: tf.cast(tf.reshape(part, variable.shape), variable.dtype)
            for (name, variable), part in zip(variables.items(), parts, strict=True)
        }
        self._optimizer.apply(gradients, learning_rate)
