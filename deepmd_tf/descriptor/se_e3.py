"""The smooth three-body descriptor, ``se_e3``, and the same with type embedding, ``se_e3_tebd``.

For a center i whose neighbors j have normalized environment rows ``R~_ij``, and ``theta_jk`` the scalar product of
the angular columns of two of them (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023),

    D = sum_{t <= u} 1/(sel_t sel_u) sum_{j of t, k of u} theta_jk G_tu(theta_jk)     se_e3
    D = 1/N_c^2 sum_jk theta_jk G(theta_jk, A_j, A_k)                                 se_e3_tebd

over ordered pairs of neighbors, including j = k; se_e3 has pairs of different types in one order only. The angular
columns of an empty slot are zero, so that it does not contribute.

There are two forms with the same numbers: over the edges of a center, with the embedding tabulated and pairs never
stored (`_sum_cells`; `_sum_listed` for embeddings that cannot be tabulated), and over pairs of padded slots with
standard operations (`over_slots`), which other programs can run.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.edges import EdgeEnvironment
from deepmd_tf.descriptor.padded import PaddedEnvironment
from deepmd_tf.descriptor.pair_embedding import make_pair_embedding
from deepmd_tf.descriptor.radial_embedding import TERMS
from deepmd_tf.descriptor.registry import DESCRIPTORS
from deepmd_tf.descriptor.tabulated import TabulatedDescriptor
from deepmd_tf.nn.parameters import Parameters
from deepmd_tf.statistics import EnvironmentStatistics

UNIT = 2.0
"""Width of the first octave of theta, whose factors have deviation one (see `ops.pair_cells`)."""


@DESCRIPTORS.register("se_e3_tebd")
@DESCRIPTORS.register("se_e3")
class SeE3(TabulatedDescriptor):
    """``se_e3`` and ``se_e3_tebd``.

    Parameters
    ----------
    config : SeE3Config
        The section ``model.descriptor``.
    type_width : int or None
        Width of the type embedding; None without one. Only ``se_e3_tebd`` takes it.
    statistics : tuple of EnvironmentStatistics
        Normalization per center type, of the only member.
    parameters : Parameters
        The source of parameters (``filter_type_all/*``, ``descrpt_attr/t_avg``, ``descrpt_attr/t_std``).
    """

    def __init__(
        self,
        config,
        *,
        type_width: int | None,
        statistics: tuple[EnvironmentStatistics, ...],
        parameters: Parameters,
    ):
        super().__init__("se_e3", config, statistics=statistics, parameters=parameters)
        self.embedding = make_pair_embedding(config, type_width=type_width, parameters=parameters)

    @property
    def coarsest(self) -> int | None:
        """Panels per octave to try first; None for an embedding with kinks."""
        return 2 if self.embedding.smooth else None

    def panels(self, per_octave: int | tf.Tensor) -> ops.Panels:
        """Return the panels of the absolute value of theta."""
        return ops.Panels(0.0, UNIT, per_octave)

    @property
    def width(self) -> int:
        """Length of one atom's descriptor."""
        return self.embedding.width

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """Axes of the output ``[M]``."""
        return ((self.width,),)

    def over_edges(
        self, environment: EdgeEnvironment, type_table: tf.Tensor | None, panels: ops.Panels | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return descriptors and truncation error; see `TabulatedDescriptor`."""
        rows = self._interacting_rows(environment)
        if panels is None:
            return self._sum_listed(rows, environment, type_table), tf.zeros([], tf.float64)
        return self._sum_cells(rows, environment, type_table, panels)

    def truncation_error(self, type_table: tf.Tensor | None, shortest: float, per_octave: int) -> float:
        """Return the relative error of the tabulated embedding; see `TabulatedDescriptor`."""
        panels = self.panels(per_octave)
        largest = (1.0 / (shortest * tf.reduce_min(self.normalization.std_angular))) ** 2
        codes = [t * self.ntypes + u for t in range(self.ntypes) for u in range(t, self.ntypes)]
        every = (ops.every_pair_cell(code, panels.octaves(float(largest)), panels) for code in codes)
        return max(float(self.embedding.tabulated(cells, type_table)[1]) for cells in every)

    def _interacting_rows(self, environment: EdgeEnvironment) -> tf.Tensor:
        """Return the rows of the edges ``[nedge, 4]``, with zeros for excluded pairs of types."""
        if not self.config.exclude_types:
            return environment.rows
        of_pairs = tf.reshape(self.interacting(tf.float64), [-1])
        type = environment.center_type
        pair = tf.gather(type, environment.edge_center) * self.ntypes + tf.gather(type, environment.neighbor)
        return environment.rows * tf.gather(of_pairs, pair)[:, None]

    def _sum_cells(
        self, rows: tf.Tensor, environment: EdgeEnvironment, type_table: tf.Tensor | None, panels: ops.Panels
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ``D [ncenters, M]`` from the edges, and the truncation error."""
        precision = self.config.precision
        edges = ops.PairEdges(
            rows,
            environment.edge_splits,
            environment.neighbor,
            environment.center_type,
            panels,
        )
        cells = ops.pair_cells(edges, ntypes=self.ntypes)
        table, error = self.embedding.tabulated(cells, type_table)
        moments = ops.pair_moments(edges, cells, ntypes=self.ntypes, terms=TERMS)
        ncenters, ncell = tf.unstack(tf.shape(moments)[:2])
        d = ops.dense_product(
            tf.cast(tf.reshape(moments, [ncenters, ncell * TERMS]), precision),
            tf.cast(tf.reshape(table, [ncell * TERMS, self.width]), precision),
        )
        return d, error

    def _sum_listed(self, rows: tf.Tensor, environment: EdgeEnvironment, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return ``D [ncenters, M]`` with the nets evaluated at every pair; slow and large, but exact for any net."""
        j, k = self._list_pairs(environment)
        angular = rows[:, 1:]
        theta = tf.reduce_sum(tf.gather(angular, j) * tf.gather(angular, k), axis=1, keepdims=True)
        theta = tf.cast(theta, self.config.precision)
        type = tf.gather(environment.center_type, environment.neighbor)
        code = tf.gather(type, j) * self.ntypes + tf.gather(type, k)
        return tf.math.unsorted_segment_sum(
            theta * self.embedding(theta, code, type_table),
            tf.gather(environment.edge_center, j),
            tf.size(environment.center_type),
        )

    @staticmethod
    def _list_pairs(environment: EdgeEnvironment) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ordered pairs of edges of a center with ``type_j <= type_k``, int64 ``[npairs]`` each."""
        splits, center = environment.edge_splits, environment.edge_center
        partners = tf.gather(splits[1:] - splits[:-1], center)
        j = tf.repeat(tf.range(tf.size(partners, tf.int64)), partners)
        first = tf.cumsum(partners, exclusive=True) - tf.gather(splits, center)
        k = tf.range(tf.size(j, tf.int64)) - tf.gather(first, j)
        type = tf.gather(environment.center_type, environment.neighbor)
        kept = tf.where(tf.gather(type, j) <= tf.gather(type, k))[:, 0]
        return tf.gather(j, kept), tf.gather(k, kept)

    def over_slots(self, environment: PaddedEnvironment, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return ``D [ncenters, M]`` from pairs of padded slots.

        Slots that are empty around every center are left out.
        """
        precision = self.config.precision
        rows = tf.cast(tf.reshape(environment.rows, [-1, self.nnei, 4]), precision)
        if self.config.exclude_types:
            of_slots = tf.gather(self.interacting(precision), self.slot_type, axis=1)
            rows *= tf.gather(of_slots, environment.center_type)[:, :, None]
        held = tf.reduce_any(tf.reshape(environment.nlist, [-1, self.nnei]) >= 0, axis=0)
        blocks = [
            rows[:, begin : begin + tf.reduce_sum(tf.cast(held[begin:end], tf.int32)), 1:]
            for begin, end in zip(np.cumsum([0, *self.sel[:-1]]), np.cumsum(self.sel), strict=True)
        ]
        d = tf.zeros([tf.size(environment.center_type), self.width], precision)
        for t in range(self.ntypes):
            for u in range(t, self.ntypes):
                theta = tf.einsum("ijc,ikc->ijk", blocks[t], blocks[u])
                embedded = self.embedding(theta[..., None], tf.constant(t * self.ntypes + u), type_table)
                d += tf.einsum("ijk,ijkm->im", theta, embedded)
        return d
