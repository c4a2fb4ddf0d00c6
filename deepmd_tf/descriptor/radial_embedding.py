"""The embedding of a neighbour: a net of its distance and of the types, and the same net tabulated.

``G(s, A_j)`` (one side) or ``G(s, A_j, A_i)`` (two sides) is a net of the normalised radial column s and of rows A of
the type embedding, neighbour first (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023). Types are discrete, so the
part of the first layer that multiplies them is a bias looked up by type, and for each code (a neighbour's type, or a
pair of types) the net is a smooth function of the one number s. `tabulated` writes it on every cell, an interval of s
of one code, as the Chebyshev series through its values at Chebyshev points: so many terms that those left out are
round-off, which the size of the last ones shows (J. P. Boyd, Chebyshev and Fourier Spectral Methods, 2001, section
2.12). Values, derivatives by s and derivatives by the parameters are then those of the net itself, while the net is
evaluated at a few points of each cell instead of at every neighbour.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.nn.embedding import EmbeddingNet, add_residual
from deepmd_tf.nn.parameters import Parameters
from deepmd_tf.ops import RadialCells

TERMS = 16
"""Length of the Chebyshev series on a cell."""

RESOLVED = {"float64": 1e-13, "float32": 1e-8}
"""Largest relative error of a tabulated embedding that counts as round-off, by the precision of the model."""

SMOOTH = frozenset({"tanh", "gelu", "gelu_tf", "softplus", "sigmoid", "silu", "linear", "none"})
"""Activation functions without kinks, which a polynomial can follow."""


class RadialEmbedding(tf.Module):
    """The embedding net of a descriptor.

    Parameters
    ----------
    parameters : Parameters
        The source of parameters.
    scope : str
        Prefix of their names.
    neuron : sequence of int
        Widths of the layers.
    options : NetOptions
        What the layers share.
    type_width : int
        Width of the type embedding.
    one_side : bool
        Whether only the neighbour's type counts.
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
        type_width: int,
        one_side: bool,
        trainable: bool,
    ):
        super().__init__(name="radial_embedding")
        self.one_side, self.type_width = one_side, type_width
        sides = 1 if one_side else 2
        self.net = EmbeddingNet(parameters, scope, 1 + sides * type_width, neuron, options, trainable=trainable)
        self.width = self.net.n_out
        self.smooth = options.activation_function in SMOOTH

    def __call__(
        self, s: tf.Tensor, neighbor_type: tf.Tensor, center_type: tf.Tensor, type_table: tf.Tensor
    ) -> tf.Tensor:
        """Evaluate the net.

        Parameters
        ----------
        s : Tensor
            Normalised radial column ``[..., 1]``; the net is evaluated in its precision.
        neighbor_type, center_type : Tensor
            int32, of shapes that broadcast to that of `s` without its last axis.
        type_table : Tensor
            The type embedding ``[ntypes, type_width]``.

        Returns
        -------
        Tensor
            ``[..., width]``.
        """
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
        """Write out the net's input ``[..., n_in]``, which only a residual over the first layer needs."""
        leading = tf.shape(s)[:-1]
        parts = [tf.broadcast_to(each, tf.concat([leading, [each.shape[-1]]], axis=0)) for each in vectors]
        return tf.concat([s, *parts], axis=-1)

    def _types(self, code: tf.Tensor, ntypes: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Types of neighbour and centre of a code."""
        return (code, code) if self.one_side else (code % ntypes, code // ntypes)

    def tabulated(self, cells: RadialCells, type_table: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Chebyshev coefficients of the net on cells.

        Parameters
        ----------
        cells : RadialCells
            Of which codes and places are read.
        type_table : Tensor
            The type embedding ``[ntypes, type_width]``.

        Returns
        -------
        tuple of Tensor
            Coefficients, float64 ``[ncell, TERMS, width]`` whatever the precision of the net; and the largest of the
            last two of a series over the largest of all, by which to tell whether the cells are small enough.
        """
        points, to_coefficients = _chebyshev(TERMS)
        s = cells.cell_start[:, None] + cells.cell_width[:, None] * (points + 1) / 2
        neighbor_type, center_type = self._types(cells.cell_code[:, None], type_table.shape[0])
        values = self(s[:, :, None], neighbor_type, center_type, type_table)
        table = tf.einsum("kq,cqm->ckm", to_coefficients, values)
        last, largest = tf.reduce_max(tf.abs(table[:, -2:])), tf.reduce_max(tf.abs(table))
        return table, tf.math.divide_no_nan(tf.stop_gradient(last), tf.stop_gradient(largest))

    def expanded(self, cells: RadialCells, type_table: tf.Tensor) -> tf.Tensor:
        """Value and derivative of the net at the midpoints of cells, two terms of a series ``[ncell, 2, width]``.

        For cells of width 2 around single edges this is the net itself at every edge: slow, but for any net.
        """
        s = tf.stop_gradient(cells.cell_start + cells.cell_width / 2)[:, None]
        neighbor_type, center_type = self._types(cells.cell_code, type_table.shape[0])
        value = self(s, neighbor_type, center_type, type_table)
        # The derivative by s forwards, as the derivative of the derivative backwards, which is linear in `any_grad`.
        any_grad = tf.zeros_like(value)
        (backwards,) = tf.gradients(value, s, any_grad)
        (slope,) = tf.gradients(backwards, any_grad, tf.cast(cells.cell_width / 2, s.dtype)[:, None])
        return tf.stack([value, slope], axis=1)


def _chebyshev(terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev points ``[terms]`` in (-1, 1), and the matrix from values there to coefficients ``[terms, terms]``."""
    angle = np.pi * (np.arange(terms) + 0.5) / terms
    matrix = 2 / terms * np.cos(np.outer(np.arange(terms), angle))
    matrix[0] /= 2
    return np.cos(angle), matrix
