"""The embedding of strip mode: a net of the distance, scaled by a net of the types.

``G = G_s(s) (1 + G_t({A_j, A_i}))``, or ``{A_j}`` alone with one side, component by component; both nets have the same
widths (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023, and DeePMD-kit's ``se_a_ebd_v2``). An empty slot has no
species: the type embedding of its neighbor is the zero vector.
"""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf.descriptor.radial_embedding import RadialEmbedding
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet
from deepmd_tf.nn.parameters import Parameters


class StripEmbedding(RadialEmbedding):
    """A net of the distance times a net of the types.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters: ``{scope}/matrix_{k}`` of the net of the distance, ``{scope}/matrix_{k}_one_side_ebd``
        or ``_two_side_ebd`` of the net of the types; likewise ``bias`` and ``idt``.
    scope : str
        Prefix of the names.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        Options of the nets.
    ntypes : int
        Number of types.
    type_width : int
        Width of the type embedding.
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
        type_width: int,
        one_side: bool,
        trainable: bool,
    ):
        super().__init__("strip_embedding", neuron, options, ntypes=ntypes, one_side=one_side)
        self.radial_net = EmbeddingNet(parameters, scope, 1, neuron, options, trainable=trainable)
        sides, suffix = (1, "_one_side_ebd") if one_side else (2, "_two_side_ebd")
        self.type_net = EmbeddingNet(
            parameters, scope, sides * type_width, neuron, options, trainable=trainable, suffix=suffix
        )

    @property
    def empty_type(self) -> int:
        """Type of an empty slot, which follows the types of the atoms."""
        return self.ntypes

    def __call__(
        self, s: tf.Tensor, neighbor_type: tf.Tensor, center_type: tf.Tensor, type_table: tf.Tensor
    ) -> tf.Tensor:
        """Evaluate the nets; see `RadialEmbedding`."""
        radial = self.radial_net(tf.reshape(s, [-1, 1]))
        radial = tf.reshape(radial, tf.concat([tf.shape(s)[:-1], [self.width]], axis=0))
        code = neighbor_type if self.one_side else center_type * (self.ntypes + 1) + neighbor_type
        return radial * tf.gather(self._of_types(tf.cast(type_table, s.dtype)), code)

    def _of_types(self, type_table: tf.Tensor) -> tf.Tensor:
        """Return ``1 + G_t`` for every type of the center, and of the neighbor or an empty slot."""
        neighbor = tf.pad(type_table, [[0, 1], [0, 0]])
        if self.one_side:
            return 1.0 + self.type_net(neighbor)
        count, width = self.ntypes, type_table.shape[1]
        pairs = [
            tf.broadcast_to(neighbor[None], [count, count + 1, width]),
            tf.broadcast_to(type_table[:, None], [count, count + 1, width]),
        ]
        return 1.0 + self.type_net(tf.reshape(tf.concat(pairs, axis=-1), [-1, 2 * width]))
