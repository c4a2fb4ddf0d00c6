"""The embedding of a pair of neighbors: a function of the angle between them and of their types.

For each code, an unordered pair of types, it is a smooth function of one number, theta, the product of the two
neighbors' angular columns. `tabulated` writes it on every cell, an interval of theta of one code, as the Chebyshev
series through its values at Chebyshev points (see `radial_embedding`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.descriptor.concat_embedding import ConcatEmbedding
from deepmd_tf.descriptor.radial_embedding import SMOOTH, TERMS, chebyshev
from deepmd_tf.descriptor.species_embedding import by_code
from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet
from deepmd_tf.nn.parameters import Parameters
from deepmd_tf.ops import PairCells

SCOPE = "filter_type_all"


class PairEmbedding(tf.Module):
    """Base class of the embeddings of pairs of neighbors.

    Parameters
    ----------
    name : str
        Name of the module.
    neuron : sequence of int
        Widths of the layers of its nets.
    options : NetOptions
        Options of the nets.
    ntypes : int
        Number of types.

    Attributes
    ----------
    width : int
        Number of components of G.
    smooth : bool
        Whether G has no kinks in theta.
    """

    def __init__(self, name: str, neuron: Sequence[int], options: NetOptions, *, ntypes: int):
        super().__init__(name=name)
        self.ntypes, self.width, self.smooth = ntypes, neuron[-1], options.activation_function in SMOOTH

    @abstractmethod
    def __call__(self, theta: tf.Tensor, code: tf.Tensor, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return the contribution of a pair (j, k) with types ``t_j <= t_k`` to the descriptor, divided by theta.

        Parameters
        ----------
        theta : Tensor
            ``[..., 1]``; nets are evaluated in its precision.
        code : Tensor
            ``t_j * ntypes + t_k``, int32, of a shape that broadcasts to that of `theta` without its last axis.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.

        Returns
        -------
        Tensor
            G times the weight of pairs of these types ``[..., width]``.
        """

    def tabulated(self, cells: PairCells, type_table: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Return Chebyshev coefficients of the embedding on cells, and an estimate of their truncation error.

        Parameters
        ----------
        cells : PairCells
            The cells; only their codes and intervals are read.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``.

        Returns
        -------
        tuple of Tensor
            Coefficients, float64 ``[ncell, TERMS, width]`` for any precision of the nets. Estimate of the relative
            truncation error: the larger of the last two coefficients of a series, divided by its largest coefficient or
            by that of the series around theta = 0 if that is larger; the maximum over all series. G may grow with
            theta, and then its absolute error may, too.
        """
        points, to_coefficients = chebyshev(TERMS)
        theta = cells.cell_start[:, None] + cells.cell_width[:, None] * (points + 1) / 2
        values = self(theta[:, :, None], cells.cell_code[:, None], type_table)
        table = tf.einsum("kq,cqm->ckm", to_coefficients, values)
        size = tf.stop_gradient(tf.abs(table))
        largest = tf.reduce_max(size, axis=[1, 2])
        near = tf.where(cells.cell_panel < 2, largest, 0.0)
        last = tf.reduce_max(size[:, -2:], axis=[1, 2])
        errors = tf.math.divide_no_nan(last, tf.maximum(largest, tf.reduce_max(near)))
        return table, tf.reduce_max(tf.concat([errors, [0.0]], axis=0))


class SpeciesPairEmbedding(PairEmbedding):
    """A net of theta for each unordered pair of types.

    ``G_tu(theta) / (sel_t sel_u)``.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters: ``filter_type_all/matrix_{k}_{t}_{u}`` of layer k and types t <= u; likewise
        ``bias`` and ``idt``.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        Options of the nets.
    sel : tuple of int
        Slots per type; pairs of a type without slots have weight 0.
    trainable : bool
        Whether training changes the nets.
    """

    def __init__(self, parameters: Parameters, neuron, options: NetOptions, *, sel: tuple[int, ...], trainable: bool):
        super().__init__("species_pair_embedding", neuron, options, ntypes=len(sel))
        pairs = [(t, u) for t in range(len(sel)) for u in range(t, len(sel))]
        self.nets = [
            EmbeddingNet(parameters, SCOPE, 1, neuron, options, trainable=trainable, suffix=f"_{t}_{u}")
            for t, u in pairs
        ]
        self.net_of_code = np.zeros(self.ntypes**2, np.int32)
        self.net_of_code[[t * self.ntypes + u for t, u in pairs]] = np.arange(len(pairs))
        self.weight = np.array([1 / (sel[t] * sel[u]) if sel[t] * sel[u] else 0.0 for t, u in pairs])

    def __call__(self, theta: tf.Tensor, code: tf.Tensor, type_table: tf.Tensor | None = None) -> tf.Tensor:
        """Evaluate each net at the pairs of its code; see `PairEmbedding`."""
        number = tf.gather(self.net_of_code, code)
        weight = tf.gather(tf.constant(self.weight, theta.dtype), number)
        return weight[..., None] * by_code(self.nets, number, theta)


class TypePairEmbedding(PairEmbedding):
    """One net of theta and the vectors of both types, for all of them.

    ``(G(theta, A_t, A_u) + G(theta, A_u, A_t)) / N_c^2`` for pairs of different types, which are a pair in either
    order, and ``G(theta, A_t, A_t) / N_c^2``, with ``N_c = sum(sel)``.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters (``filter_type_all/*``).
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        Options of the layers.
    sel : tuple of int
        Slots per type.
    type_width : int
        Width of the type embedding.
    trainable : bool
        Whether training changes the net.
    """

    def __init__(
        self,
        parameters: Parameters,
        neuron,
        options: NetOptions,
        *,
        sel: tuple[int, ...],
        type_width: int,
        trainable: bool,
    ):
        self.ordered = ConcatEmbedding(
            parameters,
            SCOPE,
            neuron,
            options,
            ntypes=len(sel),
            type_width=type_width,
            one_side=False,
            trainable=trainable,
        )
        super().__init__("type_pair_embedding", neuron, options, ntypes=len(sel))
        self.weight = 1 / sum(sel) ** 2

    def __call__(self, theta: tf.Tensor, code: tf.Tensor, type_table: tf.Tensor) -> tf.Tensor:
        """Evaluate the net for both orders; see `PairEmbedding`."""
        first, second = code // self.ntypes, code % self.ntypes
        both = self.ordered(theta, first, second, type_table) + self.ordered(theta, second, first, type_table)
        weight = tf.constant(self.weight, theta.dtype)
        return tf.where(tf.equal(first, second), weight / 2, weight)[..., None] * both


def make_pair_embedding(config, *, type_width: int | None, parameters: Parameters) -> PairEmbedding:
    """Build the embedding of a three-body descriptor.

    Parameters
    ----------
    config : SeE3Config
        The section ``model.descriptor``.
    type_width : int or None
        Width of the type embedding; None without one.
    parameters : Parameters
        The source of parameters.
    """
    options = NetOptions(config.activation_function, config.resnet_dt, config.precision, config.seed)
    common = {"sel": tuple(config.sel), "trainable": config.trainable}
    if config.type == "se_e3":
        return SpeciesPairEmbedding(parameters, config.neuron, options, **common)
    return TypePairEmbedding(parameters, config.neuron, options, type_width=type_width, **common)
