"""Choice of the embedding of a descriptor, with or without type embedding."""

from __future__ import annotations

from deepmd_tf.descriptor.concat_embedding import ConcatEmbedding
from deepmd_tf.descriptor.radial_embedding import RadialEmbedding
from deepmd_tf.descriptor.species_embedding import SpeciesEmbedding
from deepmd_tf.descriptor.strip_embedding import StripEmbedding
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.parameters import Parameters

SCOPE = "filter_type"
"""Prefix of the names of all parameters of embeddings."""


def make_embedding(config, *, type_width: int | None, ntypes: int, parameters: Parameters) -> RadialEmbedding:
    """Build the embedding of a descriptor.

    Parameters
    ----------
    config : DescriptorConfig
        The section ``model.descriptor``.
    type_width : int or None
        Width of the type embedding; None without one.
    ntypes : int
        Number of types.
    parameters : Parameters
        The source of parameters.
    """
    options = NetOptions(config.activation_function, config.resnet_dt, config.precision, config.seed)
    common = {"ntypes": ntypes, "one_side": config.type_one_side, "trainable": config.trainable}
    if type_width is None or config.type == "se_e2_r":
        return SpeciesEmbedding(parameters, SCOPE, config.neuron, options, **common)
    kind = StripEmbedding if config.type == "se_a_ebd_v2" else ConcatEmbedding
    return kind(parameters, f"{SCOPE}_all", config.neuron, options, type_width=type_width, **common)
