"""Registry of fitting nets."""

from __future__ import annotations

from deepmd_tf.nn.registry import Registry

FITTINGS = Registry("model.fitting_net.type")


def make_fitting(config, **parts):
    """Return the fitting net of type ``config.type``; `parts` are the arguments of its constructor."""
    return FITTINGS.find(config.type)(config, **parts)
