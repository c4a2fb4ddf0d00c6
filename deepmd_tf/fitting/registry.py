"""The table of fitting nets."""

from __future__ import annotations

from deepmd_tf.nn.registry import Registry

FITTINGS = Registry("model.fitting_net.type")


def make_fitting(config, **parts):
    """Build the fitting net that ``config.type`` names; `parts` are its constructor's arguments."""
    return FITTINGS.find(config.type)(config, **parts)
