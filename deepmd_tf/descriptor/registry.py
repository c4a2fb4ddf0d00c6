"""The table of descriptors."""

from __future__ import annotations

from deepmd_tf.nn.registry import Registry

DESCRIPTORS = Registry("model.descriptor.type")


def make_descriptor(config, **parts):
    """Build the descriptor that ``config.type`` names; `parts` are its constructor's arguments."""
    return DESCRIPTORS.find(config.type)(config, **parts)
