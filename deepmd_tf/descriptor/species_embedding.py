"""The classic embedding, without type embedding: every species, or every pair of species, has a net of its own.

``G(s, t_j) = N_{t_j}(s)`` (one side) or ``N_{t_i, t_j}(s)`` (two sides), nets of the one number s (DeepPot-SE, arXiv
1805.09003).
"""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf.descriptor.radial_embedding import SMOOTH, RadialEmbedding
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet
from deepmd_tf.nn.parameters import Parameters


class SpeciesEmbedding(RadialEmbedding):
    """A net of the distance for each code.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters: ``{scope}_all/matrix_{k}_{j}`` (one side) or ``{scope}_{i}/matrix_{k}_{j}`` (two
        sides) of layer k, centre type i and neighbour type j; so ``bias`` and ``idt``.
    scope : str
        Prefix of the names.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        What the nets share.
    ntypes : int
        Number of types.
    one_side : bool
        Whether only the neighbour's type counts.
    trainable : bool
        Whether training changes the nets.
    """

    def __init__(
        self,
        parameters: Parameters,
        scope: str,
        neuron,
        options: NetOptions,
        *,
        ntypes: int,
        one_side: bool,
        trainable: bool,
    ):
        smooth = options.activation_function in SMOOTH
        super().__init__("species_embedding", ntypes=ntypes, one_side=one_side, width=neuron[-1], smooth=smooth)
        centers = ["all"] if one_side else range(ntypes)
        self.nets = [
            EmbeddingNet(parameters, f"{scope}_{i}", 1, neuron, options, trainable=trainable, suffix=f"_{j}")
            for i in centers
            for j in range(ntypes)
        ]

    def __call__(self, s: tf.Tensor, neighbor_type: tf.Tensor, center_type: tf.Tensor, type_table=None) -> tf.Tensor:
        """Evaluate the nets, each where its code is; see `RadialEmbedding`."""
        leading = tf.shape(s)[:-1]
        code = neighbor_type if self.one_side else center_type * self.ntypes + neighbor_type
        code = tf.reshape(tf.broadcast_to(code, leading), [-1])
        places = tf.dynamic_partition(tf.range(tf.size(code)), code, self.ncodes)
        parts = tf.dynamic_partition(tf.reshape(s, [-1, 1]), code, self.ncodes)
        embedded = tf.dynamic_stitch(places, [net(part) for net, part in zip(self.nets, parts, strict=True)])
        return tf.reshape(embedded, tf.concat([leading, [self.width]], axis=0))
