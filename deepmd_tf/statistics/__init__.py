"""Statistics of the training data that the model needs before the first step."""

from deepmd_tf.statistics.environment import EnvironmentStatistics, NeighborStatistics, Survey, survey
from deepmd_tf.statistics.fitting import FittingStatistics, fitting_statistics
from deepmd_tf.statistics.model import ModelStatistics
from deepmd_tf.statistics.stored import StoredSurveys

__all__ = [
    "EnvironmentStatistics",
    "FittingStatistics",
    "ModelStatistics",
    "NeighborStatistics",
    "StoredSurveys",
    "Survey",
    "fitting_statistics",
    "survey",
]
