"""All statistics of a model in one value."""

from __future__ import annotations

from dataclasses import dataclass

from deepmd_tf.statistics.environment import EnvironmentStatistics
from deepmd_tf.statistics.fitting import FittingStatistics


@dataclass(frozen=True)
class ModelStatistics:
    """Normalisation of the environment, and the biases and scales of the fitting net."""

    environment: EnvironmentStatistics
    fitting: FittingStatistics

    @classmethod
    def blank(cls, config) -> ModelStatistics:
        """Statistics of the right shapes for a ``ModelConfig``, to be overwritten by stored ones."""
        ntypes, fitting = len(config.type_map), config.fitting_net
        return cls(
            EnvironmentStatistics.blank(ntypes),
            FittingStatistics.blank(ntypes, fitting.numb_fparam, fitting.numb_aparam),
        )
