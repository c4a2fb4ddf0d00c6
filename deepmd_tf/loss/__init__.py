"""Loss functions."""

from deepmd_tf.loss.energy import METRICS, EnergyLoss, rmse

__all__ = ["METRICS", "EnergyLoss", "rmse"]
