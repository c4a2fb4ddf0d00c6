"""Base class of descriptors that sum an embedding over the neighbors of an atom.

With weights ``W_ij`` and embeddings ``G_ij`` of the neighbors of a center i, functions of their environment rows and
of the types,

    T = (1/N_c) sum_j W_ij (x) G_ij        [columns, M]

The sum runs over ``N_c = sum(sel)`` slots. Empty slots contribute, with ``s~ = s0 = -avg/std`` of their center: a
constant for each pair of types, times the number of empty slots.

There are two forms with the same numbers: over edges, with the embedding tabulated (`_sum_edges`), and over padded
slots with standard operations (`_sum_slots`), which other programs can run.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.edges import EdgeEnvironment
from deepmd_tf.descriptor.embeddings import make_embedding
from deepmd_tf.descriptor.padded import PaddedEnvironment
from deepmd_tf.descriptor.radial_embedding import TERMS
from deepmd_tf.descriptor.tabulated import TabulatedDescriptor
from deepmd_tf.nn.parameters import Parameters
from deepmd_tf.statistics import EnvironmentStatistics

_MAX_BYTES = 2**26
"""Size of the largest table for which the truncation error is computed at once."""

UNIT = 4.0
"""Width of the first octave of s, which has deviation one (see `ops.radial_cells`)."""


class EmbeddingTable(NamedTuple):
    """The embedding on all panels of the radial axis down to some distance, for `ops.evaluate_model`.

    Attributes
    ----------
    panels : Panels
        Panels of the normalized radial column.
    table : Tensor
        Chebyshev coefficients ``[ncodes, npanels, TERMS, M]`` in the precision of the descriptor.
    empty : Tensor
        Contribution of an empty slot to the radial row by the types of center and neighbor ``[ntypes, ntypes, M]``.
    error : Tensor
        Relative error of the table (see `RadialEmbedding.tabulated`).
    """

    panels: ops.Panels
    table: tf.Tensor
    empty: tf.Tensor
    error: tf.Tensor

    def arrays(self) -> EmbeddingTable:
        """Return the table with arrays instead of tensors, to be written into another graph."""
        panels = ops.Panels(np.asarray(self.panels.lowest), self.panels.unit, self.panels.per_octave)
        return EmbeddingTable(panels, *(np.asarray(part) for part in self[1:]))


class TwoBodyDescriptor(TabulatedDescriptor):
    """A descriptor computed from T; subclasses define the weights W and the function of T.

    Parameters
    ----------
    config : SeE2AConfig or SeE2RConfig
        The section ``model.descriptor``.
    type_width : int or None
        Width of the type embedding; None without one.
    statistics : tuple of EnvironmentStatistics
        Normalization per center type, of the only member.
    parameters : Parameters
        The source of parameters (``filter_type_*``, ``descrpt_attr/t_avg``, ``descrpt_attr/t_std``).

    Attributes
    ----------
    in_one_op : bool
        Whether `ops.evaluate_model` knows the descriptor.
    """

    in_one_op: ClassVar[bool] = False

    def __init__(
        self,
        config,
        *,
        type_width: int | None,
        statistics: tuple[EnvironmentStatistics, ...],
        parameters: Parameters,
    ):
        super().__init__(config.type, config, statistics=statistics, parameters=parameters)
        self.embedding = make_embedding(config, type_width=type_width, ntypes=self.ntypes, parameters=parameters)

    @property
    def coarsest(self) -> int | None:
        """Panels per octave to try first; None for an embedding with kinks."""
        return 4 if self.embedding.smooth else None

    def panels(self, per_octave: int | tf.Tensor) -> ops.Panels:
        """Return the panels of the normalized radial column, which begin at its least value."""
        return ops.Panels(self._lowest, UNIT, per_octave)

    @abstractmethod
    def _weights(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the weights W of environment rows ``[..., columns]``, which multiply the embedding."""

    @abstractmethod
    def _contract(self, table: tf.Tensor, rows: tf.Tensor, cells: ops.RadialCells) -> tf.Tensor:
        """Return the sum of ``W (x) G`` over the edges of every center.

        Parameters
        ----------
        table : Tensor
            The embedding on cells (see `ops.contract_cells`).
        rows : Tensor
            Whole environment rows of the edges, float64 ``[nedge, 4]``.
        cells : RadialCells
            Cells of the rows.

        Returns
        -------
        Tensor
            ``[ncenters, columns, M]``.
        """

    @abstractmethod
    def _of_means(self, t: tf.Tensor) -> tf.Tensor:
        """Return the descriptors ``[ncenters, width]`` for ``T [ncenters, columns, M]``."""

    def over_edges(
        self, environment: EdgeEnvironment, type_table: tf.Tensor | None, panels: ops.Panels | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return descriptors and truncation error; see `TabulatedDescriptor`."""
        t, error = self._sum_edges(environment, type_table, panels)
        return self._of_means(t / self.nnei), error

    def over_slots(self, environment: PaddedEnvironment, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return descriptors; see `TabulatedDescriptor`."""
        return self._of_means(self._sum_slots(environment, type_table) / self.nnei)

    def truncation_error(self, type_table: tf.Tensor | None, shortest: float, per_octave: int) -> float:
        """Return the relative error of the tabulated embedding; see `TabulatedDescriptor`."""
        ncodes, npanels = self._table_shape(shortest, per_octave)
        panels = self.panels(per_octave)
        of_code = npanels * TERMS * self.embedding.width * 8
        together = max(1, _MAX_BYTES // of_code)
        errors = []
        for first in range(0, ncodes, together):
            cells = ops.every_cell(min(together, ncodes - first), npanels, panels)
            cells = cells._replace(cell_code=cells.cell_code + np.int32(first))
            errors.append(float(self.embedding.tabulated(cells, type_table)[1]))
        return max(errors)

    def whole_table(self, type_table: tf.Tensor | None, shortest: float, per_octave: int) -> EmbeddingTable:
        """Tabulate the embedding for atoms at any distance from `shortest` (Å) on.

        Parameters
        ----------
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.
        shortest : float
            Positive and below `rcut_smth`.
        per_octave : int
            Panels per octave.
        """
        ncodes, npanels = self._table_shape(shortest, per_octave)
        table, error = self.embedding.tabulated(ops.every_cell(ncodes, npanels, self.panels(per_octave)), type_table)
        table = tf.reshape(table, [ncodes, npanels, -1, self.embedding.width])
        return self.as_table(table, self.panels(per_octave), type_table, error)

    def as_table(self, table, panels: ops.Panels, type_table: tf.Tensor | None, error) -> EmbeddingTable:
        """Complete coefficients ``[ncodes, npanels, terms, M]`` on panels, with their relative error, to a table."""
        precision = self.config.precision
        empty = tf.cast(self._empty_slot(type_table, tf.float64), precision)
        return EmbeddingTable(panels, tf.cast(table, precision), empty, error)

    @property
    def lowest(self) -> float:
        """Smallest normalized radial column, where the panels begin; for constant parameters."""
        return float(self._lowest)

    def highest(self, shortest: float) -> float:
        """Return the largest normalized radial column at distances from `shortest` (Å) on; for constant parameters."""
        normalization = self.normalization
        return float(tf.reduce_max((1.0 / shortest - normalization.avg) / normalization.std_radial))

    def table_bytes(self, shortest: float, per_octave: int) -> int:
        """Size of the result of `whole_table`."""
        ncodes, npanels = self._table_shape(shortest, per_octave)
        return ncodes * npanels * TERMS * self.embedding.width * tf.as_dtype(self.config.precision).size

    def _table_shape(self, shortest: float, per_octave: int) -> tuple[int, int]:
        """Return the number of codes, and of panels in the octaves that reach to `shortest` (Å)."""
        return self.embedding.ncodes, self.panels(per_octave).octaves(self.highest(shortest)) * per_octave

    @property
    def _lowest(self) -> tf.Tensor:
        """Smallest normalized radial column, where the panels begin."""
        return tf.reduce_min(self.normalization.at_cutoff)

    def _sum_edges(
        self, environment: EdgeEnvironment, type_table: tf.Tensor | None, panels: ops.Panels | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ``T N_c [ncenters, columns, M]`` from the edges, and the truncation error."""
        center_type = environment.center_type
        cells = ops.radial_cells(
            environment.rows,
            environment.edge_splits,
            environment.neighbor,
            center_type,
            panels,
            ntypes=self.ntypes,
            one_side=self.config.type_one_side,
            exclude_types=self.config.exclude_types,
        )
        if panels is None:
            table, error = self.embedding.expanded(cells, type_table), tf.zeros([], tf.float64)
        else:
            table, error = self.embedding.tabulated(cells, type_table)
        precision = self.config.precision
        t = self._contract(tf.cast(table, precision), environment.rows, cells)
        empty = tf.cast(self._empty_slot(type_table, tf.float64), precision)
        all_empty = tf.einsum("t,ctm->cm", tf.constant(self.sel, precision), empty)
        of_pairs = tf.gather(tf.reshape(empty, [-1, self.embedding.width]), cells.count_pair)
        filled = tf.math.unsorted_segment_sum(
            tf.cast(cells.count, precision)[:, None] * of_pairs, cells.count_center, tf.size(center_type)
        )
        radial = tf.gather(all_empty, center_type) - filled
        return t + tf.pad(radial[:, None, :], [[0, 0], [0, self.columns - 1], [0, 0]]), error

    def _sum_slots(self, environment: PaddedEnvironment, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return ``T N_c [ncenters, columns, M]`` from padded slots, in the precision of the net.

        Slots that are empty around every center of the batch are added as a constant.
        """
        precision = self.config.precision
        center_type = environment.center_type
        used = environment.used_slots
        slot_type = tf.gather(self.slot_type, used)
        rows = tf.reshape(environment.rows, [-1, self.nnei, self.columns])
        rows = tf.gather(tf.cast(rows, precision), used, axis=1)
        weights = self._weights(rows)
        if self.config.exclude_types:
            weights *= tf.gather(tf.gather(self.interacting(precision), center_type), slot_type, axis=1)[:, :, None]
        neighbor_type = slot_type[None, :]
        if self.embedding.empty_type is not None:
            held = tf.gather(tf.reshape(environment.nlist, [-1, self.nnei]), used, axis=1) >= 0
            neighbor_type = tf.where(held, neighbor_type, self.embedding.empty_type)
        embedded = self.embedding(rows[:, :, 0:1], neighbor_type, center_type[:, None], type_table)
        t = tf.matmul(weights, embedded, transpose_a=True)
        taken = tf.math.unsorted_segment_sum(tf.ones_like(slot_type), slot_type, self.ntypes)
        unused = tf.cast(tf.constant(self.sel, tf.int32) - taken, precision)
        by_type = tf.einsum("t,ctm->cm", unused, self._empty_slot(type_table, precision))
        radial = t[:, 0:1] + tf.gather(by_type, center_type)[:, None, :]
        return tf.concat([radial, t[:, 1:]], axis=1)

    def _empty_slot(self, type_table: tf.Tensor | None, precision) -> tf.Tensor:
        """Return the contribution of an empty slot to the first row of T, by types of center and neighbor."""
        types = tf.range(self.ntypes)
        s0 = tf.cast(self.normalization.at_cutoff, precision)[:, None, None] * tf.ones([1, self.ntypes, 1], precision)
        weights = self._weights(s0)
        if self.config.exclude_types:
            weights *= self.interacting(precision)[:, :, None]
        neighbor_type = types[None, :]
        if self.embedding.empty_type is not None:
            neighbor_type = tf.fill([1, self.ntypes], self.embedding.empty_type)
        return weights * self.embedding(s0, neighbor_type, types[:, None], type_table)
