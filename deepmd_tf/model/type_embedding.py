"""The type embedding: a small net that turns each species into a vector.

``A = N_t(X)``, one row per type, where X is the identity ``[ntypes, ntypes]`` (one-hot) or the electron
configurations of the elements (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.model.electron_configuration import electron_configurations
from deepmd_tf.nn.blocks import Block, elementwise
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet
from deepmd_tf.nn.parameters import Parameters, TrainableParameters


class TypeEmbedding(tf.Module):
    """Vectors of the species.

    Parameters
    ----------
    config : TypeEmbeddingConfig
        The section ``model.type_embedding``.
    type_map : sequence of str
        Names of the types; element symbols when ``use_econf_tebd``.
    parameters : Parameters
        The source of parameters (``type_embed_net/*``).
    """

    def __init__(self, config, *, type_map, parameters: Parameters):
        super().__init__(name="type_embedding")
        self.precision = config.precision
        self.inputs = electron_configurations(type_map) if config.use_econf_tebd else np.eye(len(type_map))
        self.net = EmbeddingNet(
            parameters,
            "type_embed_net",
            self.inputs.shape[1],
            config.neuron,
            NetOptions(config.activation_function, config.resnet_dt, config.precision, config.seed),
            trainable=config.trainable,
            use_bias=config.use_tebd_bias,
        )
        self.width = self.net.n_out

    def blocks(self) -> dict[str, tuple[Block, ...]]:
        """Return the blocks of the matrices, which are too small to be preconditioned."""
        return {
            f"type_embed_net/matrix_{k}": elementwise(layer.matrix.shape)
            for k, layer in enumerate(self.net.layers, start=1)
        }

    def __call__(self) -> tf.Tensor:
        """Return the table ``[ntypes, width]``, float64."""
        return tf.cast(self.net(tf.constant(self.inputs, dtype=self.precision)), tf.float64)


DRAWS = 8
"""Number of initial type embeddings among which the best is chosen."""


def with_distinct_types(config, type_map: Sequence[str]):
    """Choose the seed of the initial type embedding so that all species have distinct vectors.

    The nets are small, and with some seeds two species start with almost the same vector. The model can then hardly
    distinguish them until their vectors have separated, and learns little about the forces while the learning rate
    already decays. Therefore `DRAWS` embeddings are drawn, with seeds derived from the given one, and the one with the
    largest distance between its two closest species is taken.

    Parameters
    ----------
    config : TypeEmbeddingConfig
        The section ``model.type_embedding``.
    type_map : sequence of str
        Names of the types.

    Returns
    -------
    TypeEmbeddingConfig
        The configuration with another `seed`.
    """
    seeds = np.random.SeedSequence(config.seed).generate_state(DRAWS)
    drawn = [dataclasses.replace(config, seed=int(seed)) for seed in seeds]

    def distinct(candidate) -> float:
        return smallest_distance(
            TypeEmbedding(candidate, type_map=type_map, parameters=TrainableParameters())().numpy()
        )

    return max(drawn, key=distinct)


def smallest_distance(table: np.ndarray) -> float:
    """Return the smallest distance between two rows of a table ``[ntypes, width]``."""
    distances = np.linalg.norm(table[:, None] - table[None], axis=-1)
    return float(distances[~np.eye(len(table), dtype=bool)].min(initial=np.inf))
