"""The smooth two-body descriptor of distances, ``se_e2_r`` (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).

For a center i with embedding ``G_ij`` of its neighbors,

    D = (1/(5 N_c)) sum_j G_ij              [M]

Empty slots count; see `TwoBodyDescriptor`. The factor 1/5 is part of DeePMD-kit's definition.
"""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.registry import DESCRIPTORS
from deepmd_tf.descriptor.two_body import TwoBodyDescriptor

SCALE = 0.2
"""Factor of the mean over slots."""


@DESCRIPTORS.register("se_e2_r_tebd")
@DESCRIPTORS.register("se_e2_r")
class SeE2R(TwoBodyDescriptor):
    """``se_e2_r``, and ``se_e2_r_tebd`` with one embedding net for all species; see `TwoBodyDescriptor`."""

    columns = 1

    @property
    def width(self) -> int:
        """Length of one atom's descriptor."""
        return self.config.neuron[-1]

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """Axes of the output ``[M]``."""
        return ((self.width,),)

    def _weights(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(rows)

    def _contract(self, table: tf.Tensor, rows: tf.Tensor, cells: ops.RadialCells) -> tf.Tensor:
        # Rows [s, 1, 0, 0]: the second row of the sum is the sum of G, and depends on s through G alone.
        s = rows[:, :1]
        weights = tf.concat([s, tf.ones_like(s), tf.zeros_like(rows[:, 2:])], axis=1)
        return ops.contract_cells(table, weights, cells)[:, 1:2]

    def _of_means(self, t: tf.Tensor) -> tf.Tensor:
        return SCALE * t[:, 0]
