"""The smooth two-body descriptor with angular columns, ``se_e2_a`` (DeepPot-SE, arXiv 1805.09003).

For a center i with environment rows ``R~_ij`` and embedding ``G_ij`` of its neighbors,

    T = (1/N_c) sum_j R~_ij (x) G_ij        [4, M]
    D = T^T T[:, :axis_neuron]              [M, axis_neuron]

Empty slots count; see `TwoBodyDescriptor`.
"""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.registry import DESCRIPTORS
from deepmd_tf.descriptor.two_body import TwoBodyDescriptor


@DESCRIPTORS.register("se_a_ebd_v2")
@DESCRIPTORS.register("se_e2_a")
class SeE2A(TwoBodyDescriptor):
    """``se_e2_a``, and ``se_a_ebd_v2`` with the embedding of strip mode; see `TwoBodyDescriptor`."""

    columns = 4
    in_one_op = True

    @property
    def width(self) -> int:
        """Length of one atom's descriptor."""
        return self.config.neuron[-1] * self.config.axis_neuron

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """Axes of the output: the matrix ``D [M, axis_neuron]``."""
        return ((self.config.neuron[-1], self.config.axis_neuron),)

    def _weights(self, rows: tf.Tensor) -> tf.Tensor:
        return rows

    def _contract(self, table: tf.Tensor, rows: tf.Tensor, cells: ops.RadialCells) -> tf.Tensor:
        return ops.contract_cells(table, rows, cells)

    def _of_means(self, t: tf.Tensor) -> tf.Tensor:
        d = tf.matmul(t, t[:, :, : self.config.axis_neuron], transpose_a=True)
        return tf.reshape(d, [-1, self.width])
