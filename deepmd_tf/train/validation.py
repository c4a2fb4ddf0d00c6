"""Errors on the validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from deepmd_tf.config import TrainingConfig
from deepmd_tf.data import validation_batches
from deepmd_tf.data.pipeline import batch_at
from deepmd_tf.data.source import DataSource
from deepmd_tf.loss import METRICS, rmse
from deepmd_tf.train.failure import Failure, bad_batch, naming_batch
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.sel import SelMonitor
from deepmd_tf.train.step import Outcome

Evaluate = Callable[[Mapping[str, tf.Tensor] | None], Outcome]


class Validation:
    """Evaluates the next batches of the validation data at every display; ranks evaluate one batch each at a time.

    Parameters
    ----------
    source : DataSource
        The validation data.
    options : TrainingConfig
        The section ``training``.
    ranks : Ranks
        Processes that train together.
    failure : Failure
        Record of data that cannot be read.
    sel : SelMonitor
        Compares the neighbors of the batches with `sel`.
    """

    def __init__(self, source: DataSource, options: TrainingConfig, ranks: Ranks, failure: Failure, sel: SelMonitor):
        self._source, self._ranks, self._failure, self._sel = source, ranks, failure, sel
        sampler = source.sampler
        self._disp_freq = options.disp_freq
        self._count = validation_batches(
            options.validation_data.numb_btch, sampler.batch_sizes, source.systems, sampler.draws_per_batch
        )

    def errors(self, step: int, evaluate: Evaluate) -> dict[str, float] | None:
        """Return the errors after `step`, as `loss.rmse` does; None on all ranks when a rank cannot read its batch."""
        source, ranks, count = self._source, self._ranks, self._count
        start = step // self._disp_freq * count
        sums = np.zeros(len(METRICS))
        for number in range(start + ranks.rank, start + ranks.rank + count, ranks.size):
            batch = None
            with self._failure.of_reading():
                batch = batch_at(source.systems, source.sampler, number) if number < start + count else None
            if ranks.any(self._failure.message is not None):
                return None
            with naming_batch(source, number, step):
                outcome = evaluate(batch)
            if not outcome.finite:
                raise bad_batch(source, number, step, "the error on these validation frames is not finite")
            sums += outcome.metrics.numpy()
            self._sel.add(outcome.max_neighbors.numpy())
        return rmse(sums, count)


def score(errors: Mapping[str, float]) -> float:
    """Return the error that selects the best model: of forces, else of energies, else of virials.

    The loss would not do, because its prefactors change along the run.
    """
    known = [errors[key] for key in ("rmse_f", "rmse_e", "rmse_v") if np.isfinite(errors.get(key, np.nan))]
    return known[0] if known else np.inf
