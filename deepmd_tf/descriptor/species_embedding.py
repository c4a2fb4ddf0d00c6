"""The classic embedding, with a separate net for every species or every pair of species.

``G(s, t_j) = N_{t_j}(s)`` (one side) or ``N_{t_i, t_j}(s)`` (two sides), nets of the one number s (DeepPot-SE, arXiv
1805.09003).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deepmd_tf.descriptor.radial_embedding import RadialEmbedding
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet
from deepmd_tf.nn.parameters import Parameters


class SpeciesEmbedding(RadialEmbedding):
    """A net of the distance for each code.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters: ``{scope}_all/matrix_{k}_{j}`` (one side) or ``{scope}_{i}/matrix_{k}_{j}`` (two
        sides) of layer k, center type i and neighbor type j; likewise ``bias`` and ``idt``.
    scope : str
        Prefix of the names.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        Options of the nets.
    ntypes : int
        Number of types.
    one_side : bool
        Whether only the neighbor's type counts.
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
        super().__init__("species_embedding", neuron, options, ntypes=ntypes, one_side=one_side)
        centers = ["all"] if one_side else range(ntypes)
        self.nets = [
            EmbeddingNet(parameters, f"{scope}_{i}", 1, neuron, options, trainable=trainable, suffix=f"_{j}")
            for i in centers
            for j in range(ntypes)
        ]

    def __call__(self, s: tf.Tensor, neighbor_type: tf.Tensor, center_type: tf.Tensor, type_table=None) -> tf.Tensor:
        """Evaluate each net at the edges of its code; see `RadialEmbedding`."""
        code = neighbor_type if self.one_side else center_type * self.ntypes + neighbor_type
        return by_code(self.nets, code, s)


def by_code(nets: Sequence[EmbeddingNet], code: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Evaluate the net of each code.

    Parameters
    ----------
    nets : sequence of EmbeddingNet
        Nets of one number, by code.
    code : Tensor
        int32, of a shape that broadcasts to that of `x` without its last axis.
    x : Tensor
        ``[..., 1]``.

    Returns
    -------
    Tensor
        ``[..., width of the nets]``.
    """
    leading = tf.shape(x)[:-1]
    code = tf.reshape(tf.broadcast_to(code, leading), [-1])
    places = tf.dynamic_partition(tf.range(tf.size(code)), code, len(nets))
    parts = tf.dynamic_partition(tf.reshape(x, [-1, 1]), code, len(nets))
    embedded = tf.dynamic_stitch(places, [net(part) for net, part in zip(nets, parts, strict=True)])
    return tf.reshape(embedded, tf.concat([leading, [nets[0].n_out]], axis=0))
