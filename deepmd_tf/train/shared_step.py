"""A training step of several ranks: each computes the gradient of its frames, and all learn from the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.loss import METRICS
from deepmd_tf.loss.energy import TERMS
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.step import Attempt, Learning, Outcome, TrainingStep


class SharedStep:
    """The functions of `TrainingStep` on one of several ranks, which call the same one at the same time.

    The means of the loss divide by the numbers of labels of the whole batch. The losses of the ranks' frames therefore
    add up to that of the batch, and so do their gradients, for any distribution of frames and labels over the ranks.
    All ranks learn from the same sum, so that their parameters stay equal bit by bit.

    Parameters
    ----------
    ranks : Ranks
        More than one rank.
    learning, batch_spec, tabulated
        As for `TrainingStep`.
    """

    def __init__(self, ranks: Ranks, learning: Learning, batch_spec: Mapping, tabulated: Sequence[bool]):
        self._ranks, self._learning = ranks, learning
        self._own = TrainingStep(learning, batch_spec, tabulated)
        scalar = tf.TensorSpec([], tf.float64)
        counts = tf.TensorSpec([len(TERMS)], tf.float64)
        inputs = [dict(batch_spec), counts, scalar, self._own.panels_spec]
        self._compute = tf.function(self._flat, input_signature=inputs, autograph=False)
        self._learn = tf.function(
            self._apply, input_signature=[tf.TensorSpec([None], tf.float64), scalar], autograph=False
        )

    def train(
        self, batch: Mapping[str, tf.Tensor], learning_rate: float, lr_ratio: float, per_octave: np.ndarray
    ) -> Attempt:
        """Take a step, unless it is not finite or not resolved on some rank; the result is that of all ranks.

        Parameters
        ----------
        batch : mapping of str to Tensor
            This rank's frames.
        learning_rate, lr_ratio : float
            The learning rate, and the same divided by the first one.
        per_octave : ndarray
            Panels per octave of each member, int32 ``[nmembers]``.
        """
        counts = self._ranks.sum(self._learning.loss.counts(batch).numpy())
        flat, max_neighbors, errors = self._compute(batch, counts, lr_ratio, per_octave)
        total = self._ranks.sum(flat.numpy())
        metrics, (not_finite, not_resolved), gradients = np.split(total, [len(METRICS), len(METRICS) + 2])
        if not (not_finite or not_resolved):
            self._learn(gradients, learning_rate)
        largest = self._ranks.largest(np.concatenate([max_neighbors.numpy(), errors.numpy()]))
        neighbors, errors = np.split(largest, [len(max_neighbors)])
        outcome = Outcome(*map(tf.constant, (metrics, neighbors.astype(np.int32), not not_finite)))
        return Attempt(outcome, tf.constant(errors), tf.constant(not not_resolved))

    def evaluate(self, batch: Mapping[str, tf.Tensor] | None, lr_ratio: float, per_octave: np.ndarray) -> Attempt:
        """Evaluate a batch on every rank: its own one, or none.

        Returns
        -------
        Attempt
            Result of all ranks, except for `finite`, which is that of this rank's batch.
        """
        own = None
        if batch is not None:
            outcome, errors, resolved = self._own.evaluate(batch, lr_ratio, per_octave)
            own = (*(part.numpy() for part in outcome), errors.numpy(), bool(resolved))
        metrics, neighbors, _, errors, resolved = zip(
            *(each for each in self._ranks.gather(own) if each is not None), strict=True
        )
        finite = own is None or bool(own[2])
        outcome = Outcome(*map(tf.constant, (np.sum(metrics, axis=0), np.max(neighbors, axis=0), finite)))
        return Attempt(outcome, tf.constant(np.max(errors, axis=0)), tf.constant(all(resolved)))

    def _flat(self, batch, counts, lr_ratio, per_octave) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return one vector that is summed over ranks, and two tensors of which the largest elements count.

        The vector consists of the metrics, 1 if something is not finite, 1 if it is not resolved, and the gradients.
        """
        gradients, (outcome, errors, resolved) = self._own.gradients(batch, counts, lr_ratio, per_octave)
        flags = [tf.cast(tf.logical_not(flag), tf.float64) for flag in (outcome.finite, resolved)]
        rows = [
            tf.cast(tf.reshape(gradients[name], [-1]), tf.float64)
            for name in self._learning.optimizer.variables_by_name
        ]
        return tf.concat([outcome.metrics, tf.stack(flags), *rows], axis=0), outcome.max_neighbors, errors

    def _apply(self, flat, learning_rate) -> None:
        """Learn from the concatenated gradients."""
        variables = self._learning.optimizer.variables_by_name
        parts = tf.split(flat, [variable.shape.num_elements() for variable in variables.values()])
        gradients = {
            name: tf.cast(tf.reshape(part, variable.shape), variable.dtype)
            for (name, variable), part in zip(variables.items(), parts, strict=True)
        }
        self._learning.apply(gradients, learning_rate)
