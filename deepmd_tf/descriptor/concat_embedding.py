"""One embedding net for all species, with the species vectors as input.

``G(s, A_j)`` (one side) or ``G(s, A_j, A_i)`` (two sides) is a net of the normalized radial column s and of rows A of
the type embedding, neighbor first (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023). Types are discrete, so the
part of the first layer that multiplies them is a bias looked up by type.
"""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf.descriptor.radial_embedding import RadialEmbedding
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet, add_residual
from deepmd_tf.nn.parameters import Parameters


class ConcatEmbedding(RadialEmbedding):
    """A net of the distance and the vectors of the types.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters (``{scope}/*``).
    scope : str
        Prefix of the names.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        Options of the layers.
    ntypes : int
        Number of types.
    type_width : int
        Width of the type embedding.
    one_side : bool
        Whether only the neighbor's type counts.
    trainable : bool
        Whether training changes the net.
    """

    def __init__(
        self,
        parameters: Parameters,
        scope: str,
        neuron,
        options: NetOptions,
        *,
        ntypes: int,
        type_width: int,
        one_side: bool,
        trainable: bool,
    ):
        super().__init__("concat_embedding", neuron, options, ntypes=ntypes, one_side=one_side)
        self.type_width = type_width
        sides = 1 if one_side else 2
        self.net = EmbeddingNet(parameters, scope, 1 + sides * type_width, neuron, options, trainable=trainable)

    def __call__(
        self, s: tf.Tensor, neighbor_type: tf.Tensor, center_type: tf.Tensor, type_table: tf.Tensor
    ) -> tf.Tensor:
        """Evaluate the net; see `RadialEmbedding`."""
        first = self.net.layers[0]
        type_table = tf.cast(type_table, s.dtype)
        w_s, w_neighbor, w_center = tf.split(
            tf.cast(first.matrix, s.dtype), [1, self.type_width, self.net.n_in - 1 - self.type_width], axis=0
        )
        of_neighbor = tf.matmul(type_table, w_neighbor) + tf.cast(first.bias, s.dtype)
        pre = s * w_s + tf.gather(of_neighbor, neighbor_type)
        types = [neighbor_type]
        if not self.one_side:
            pre += tf.gather(tf.matmul(type_table, w_center), center_type)
            types.append(center_type)
        hidden = first.activate(pre)
        if self.net.first_is_residual:
            hidden = add_residual(hidden, self._concatenated(s, [tf.gather(type_table, each) for each in types]))
        embedded = self.net.upper_layers(tf.reshape(hidden, [-1, first.n_out]))
        return tf.reshape(embedded, tf.concat([tf.shape(s)[:-1], [self.width]], axis=0))

    @staticmethod
    def _concatenated(s: tf.Tensor, vectors: list[tf.Tensor]) -> tf.Tensor:
        """Return the input of the net ``[..., n_in]``, which is needed only for a residual over the first layer."""
        leading = tf.shape(s)[:-1]
        parts = [tf.broadcast_to(each, tf.concat([leading, [each.shape[-1]]], axis=0)) for each in vectors]
        return tf.concat([s, *parts], axis=-1)
