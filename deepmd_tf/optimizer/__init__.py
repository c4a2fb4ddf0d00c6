"""Optimizers: how parameters follow the gradient of the loss.

An optimizer has ``variables_by_name``; ``apply(gradients, learning_rate)``, for use in a graph function;
``refresh(share)``, to be called after every step; ``updates``, a variable that counts steps; and ``state``, the
variables that checkpoints store.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from deepmd_tf.config.optimizer import AdamConfig
from deepmd_tf.nn.blocks import Blocks, all_blocks
from deepmd_tf.optimizer.adam import Adam, AdamOptions
from deepmd_tf.optimizer.soap import Soap, SoapOptions

Optimizer = Adam | Soap


def make_optimizer(config: AdamConfig | None, variables: Mapping[str, tf.Variable], blocks: Blocks) -> Optimizer:
    """Build the optimizer of the section ``optimizer``; Adam without one.

    Parameters
    ----------
    config : AdamConfig or None
        The section.
    variables : mapping of str to Variable
        Trainable parameters by name.
    blocks : mapping of str to tuple of Block
        Blocks of the parameters that are not a single one, from the model.
    """
    config = config or AdamConfig()
    betas = (config.adam_beta1, config.adam_beta2)
    if config.type != "SOAP":
        return Adam(variables, AdamOptions(betas, getattr(config, "weight_decay", 0.0)))
    options = SoapOptions(betas, config.soap_beta, config.refresh_freq, config.weight_decay)
    return Soap(variables, all_blocks(variables, blocks), options)
