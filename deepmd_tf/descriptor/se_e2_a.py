"""The smooth two-body descriptor with angular columns, ``se_e2_a`` (DeepPot-SE, arXiv 1805.09003), with type embedding.

For a centre i with environment rows ``R~_ij`` and embedding ``G_ij`` of its neighbours,

    T = (1/N_c) sum_j R~_ij (x) G_ij        [4, M]
    D = T^T T[:, :axis_neuron]              [M, axis_neuron]

``G_ij`` is a net of ``{s~_ij, A_j}`` (one side) or ``{s~_ij, A_j, A_i}`` (two sides), where A are rows of the type
embedding. Types are discrete, so the part of the first layer that multiplies them is a bias looked up by type: per
neighbour the net is a function of the one number ``s~_ij``.

The sum runs over slots, and an empty slot counts: it holds ``s~ = s0 = -avg/std`` of its centre. Slots that are empty
around every centre of the batch are therefore not computed one by one but added as the constant that they are.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepmd_tf.descriptor.environment import Frames, PaddedEnvironment, padded_environment
from deepmd_tf.descriptor.registry import DESCRIPTORS
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet, add_residual
from deepmd_tf.nn.parameters import Fixed, Parameters
from deepmd_tf.statistics import EnvironmentStatistics


@DESCRIPTORS.register("se_e2_a")
class SeE2A(tf.Module):
    """``se_e2_a`` over padded slots.

    Parameters
    ----------
    config : SeE2AConfig
        The section ``model.descriptor``.
    type_width : int
        Width of the type embedding.
    statistics : EnvironmentStatistics
        Normalisation per centre type.
    parameters : Parameters
        The source of parameters (``filter_type_all/*``, ``descrpt_attr/t_avg``, ``descrpt_attr/t_std``).
    """

    def __init__(self, config, *, type_width: int, statistics: EnvironmentStatistics, parameters: Parameters):
        super().__init__(name="se_e2_a")
        self.config = config
        self.sel = tuple(config.sel)
        self.nnei = sum(self.sel)
        ntypes = len(self.sel)
        sides = 1 if config.type_one_side else 2
        self.type_width = type_width
        self.net = EmbeddingNet(
            parameters,
            "filter_type_all",
            1 + sides * type_width,
            config.neuron,
            NetOptions(config.activation_function, config.resnet_dt, config.precision, config.seed),
            trainable=config.trainable,
        )
        avg, std = statistics.tables(self.nnei)
        shape = (ntypes, 4 * self.nnei)
        self.avg = parameters("descrpt_attr/t_avg", shape, Fixed(avg), "float64", False)
        self.std = parameters("descrpt_attr/t_std", shape, Fixed(std), "float64", False)
        self.slot_type = np.repeat(np.arange(ntypes, dtype=np.int32), self.sel)
        self.width = config.neuron[-1] * config.axis_neuron

    def environment(self, frames: Frames) -> PaddedEnvironment:
        """Environment rows of a batch."""
        return padded_environment(frames, self.avg, self.std, self.sel, self.config.rcut, self.config.rcut_smth)

    def __call__(self, environment: PaddedEnvironment, type_table: tf.Tensor) -> tf.Tensor:
        """Descriptors ``[nframes * nloc, width]``; `type_table` is the type embedding ``[ntypes, type_width]``."""
        precision = self.config.precision
        center_type = environment.center_type
        type_table = tf.cast(type_table, precision)
        used = environment.used_slots
        slot_type = tf.gather(self.slot_type, used)
        rows = tf.gather(tf.cast(tf.reshape(environment.rows, [-1, self.nnei, 4]), precision), used, axis=1)
        if self.config.exclude_types:
            rows *= self._interacting(center_type, slot_type)
        embedded = self._embed(rows[:, :, 0:1], center_type, slot_type, type_table)
        t = tf.matmul(rows, embedded, transpose_a=True)
        radial = t[:, 0:1] + tf.gather(self._unused_slots(slot_type, type_table), center_type)[:, None, :]
        t = tf.concat([radial, t[:, 1:]], axis=1) / self.nnei
        d = tf.matmul(t, t[:, :, : self.config.axis_neuron], transpose_a=True)
        return tf.reshape(d, [-1, self.width])

    def _unused_slots(self, slot_type: tf.Tensor, type_table: tf.Tensor) -> tf.Tensor:
        """What the slots that no centre uses add to the radial row of T, per centre type ``[ntypes, M]``.

        ``sum_t (sel[t] - used[t]) s0 G(s0, t)``, with `slot_type` the types of the used slots.
        """
        ntypes = len(self.sel)
        types = tf.range(ntypes)
        used = tf.math.unsorted_segment_sum(tf.ones_like(slot_type), slot_type, ntypes)
        unused = tf.cast(tf.constant(self.sel, tf.int32) - used, self.config.precision)
        block = np.minimum(np.cumsum([0, *self.sel[:-1]]), self.nnei - 1)
        s0 = tf.cast(-tf.gather(self.avg, 4 * block, axis=1) / tf.gather(self.std, 4 * block, axis=1), unused.dtype)
        s0 = s0[:, :, None]
        if self.config.exclude_types:
            s0 *= self._interacting(types, types)
        embedded = self._embed(s0, types, types, type_table)
        return tf.reduce_sum(unused[None, :, None] * s0 * embedded, axis=1)

    def _interacting(self, center_type: tf.Tensor, slot_type: tf.Tensor) -> tf.Tensor:
        """0 for pairs of types that are excluded from interacting, else 1, ``[ncenters, nslots, 1]``."""
        keep = np.ones((len(self.sel), len(self.sel)))
        for a, b in self.config.exclude_types:
            keep[a, b] = keep[b, a] = 0.0
        of_centers = tf.gather(tf.constant(keep, self.config.precision), center_type)
        return tf.gather(of_centers, slot_type, axis=1)[:, :, None]

    def _embed(self, s: tf.Tensor, center_type: tf.Tensor, slot_type: tf.Tensor, type_table: tf.Tensor) -> tf.Tensor:
        """``G [ncenters, nslots, M]`` of the normalised radial column ``s [ncenters, nslots, 1]``."""
        neighbor = tf.gather(type_table, slot_type)
        center = None if self.config.type_one_side else tf.gather(type_table, center_type)
        first = self.net.layers[0]
        w_s, w_neighbor, w_center = tf.split(
            first.matrix, [1, self.type_width, self.net.n_in - 1 - self.type_width], axis=0
        )
        pre = s * w_s + (tf.matmul(neighbor, w_neighbor) + first.bias)[None, :, :]
        if center is not None:
            pre += tf.matmul(center, w_center)[:, None, :]
        hidden = first.activate(pre)
        if self.net.first_is_residual:
            hidden = add_residual(hidden, self._concatenated(s, neighbor, center))
        embedded = self.net.upper_layers(tf.reshape(hidden, [-1, first.n_out]))
        return tf.reshape(embedded, tf.concat([tf.shape(s)[:2], [self.net.n_out]], axis=0))

    def _concatenated(self, s: tf.Tensor, neighbor: tf.Tensor, center: tf.Tensor | None) -> tf.Tensor:
        """Write out the net's input ``[ncenters, nslots, n_in]``, which only a residual over the first layer needs."""
        ncenters, nslots = tf.shape(s)[0], tf.shape(s)[1]
        parts = [s, tf.tile(neighbor[None, :, :], [ncenters, 1, 1])]
        if center is not None:
            parts.append(tf.tile(center[:, None, :], [1, nslots, 1]))
        return tf.concat(parts, axis=-1)
