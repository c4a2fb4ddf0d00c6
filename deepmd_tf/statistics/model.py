"""Statistics of a whole model."""

from __future__ import annotations

from dataclasses import dataclass

from deepmd_tf.statistics.environment import EnvironmentStatistics
from deepmd_tf.statistics.fitting import FittingStatistics


@dataclass(frozen=True)
class ModelStatistics:
    """Environment statistics of each member of the descriptor, and statistics for the fitting net."""

    environment: tuple[EnvironmentStatistics, ...]
    fitting: FittingStatistics

    @classmethod
    def blank(cls, config) -> ModelStatistics:
        """Return default statistics with the shapes of a ``ModelConfig``, to be replaced by stored ones."""
        ntypes, fitting = len(config.type_map), config.fitting_net
        return cls(
            tuple(EnvironmentStatistics.blank(ntypes) for _ in config.descriptor.members),
            FittingStatistics.blank(ntypes, fitting.numb_fparam, fitting.numb_aparam),
        )
