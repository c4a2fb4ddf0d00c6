"""The embedding of a neighbor: a function of its distance and of the types, and the same function tabulated.

For each code (a neighbor's type, or a pair of types) an embedding ``G(s, code)`` is a smooth function of one number,
the normalized radial column s. `tabulated` writes it on every cell, an interval of s of one code, as the Chebyshev
series through its values at Chebyshev points. The series has so many terms that the truncation error is round-off; the
size of its last coefficients estimates the error (J. P. Boyd, Chebyshev and Fourier Spectral Methods, 2001, section
2.12). Values and derivatives with respect to s and to the parameters are then those of the embedding itself, while its
nets are evaluated at a few points of each cell instead of at every neighbor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deepmd_tf.nn.dense import NetOptions
from deepmd_tf.ops import RadialCells

TERMS = 16
"""Length of the Chebyshev series on a cell."""

RESOLVED = {"float64": 1e-13, "float32": 1e-8}
"""Largest relative error of a tabulated embedding that counts as round-off, by the precision of the model."""

SMOOTH = frozenset({"tanh", "gelu", "gelu_tf", "softplus", "sigmoid", "silu", "linear", "none"})
"""Activation functions without kinks, which polynomials can approximate."""


class RadialEmbedding(tf.Module):
    """Base class of the embeddings of two-body descriptors.

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
    one_side : bool
        Whether only the neighbor's type counts.

    Attributes
    ----------
    width : int
        Number of components of G.
    smooth : bool
        Whether G has no kinks in s.
    """

    def __init__(self, name: str, neuron: Sequence[int], options: NetOptions, *, ntypes: int, one_side: bool):
        super().__init__(name=name)
        self.ntypes, self.one_side = ntypes, one_side
        self.width, self.smooth = neuron[-1], options.activation_function in SMOOTH

    @abstractmethod
    def __call__(
        self, s: tf.Tensor, neighbor_type: tf.Tensor, center_type: tf.Tensor, type_table: tf.Tensor | None
    ) -> tf.Tensor:
        """Evaluate the embedding.

        Parameters
        ----------
        s : Tensor
            Normalized radial column ``[..., 1]``; nets are evaluated in its precision.
        neighbor_type, center_type : Tensor
            int32, of shapes that broadcast to that of `s` without its last axis.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.

        Returns
        -------
        Tensor
            ``[..., width]``.
        """

    @property
    def empty_type(self) -> int | None:
        """Type of the atom in an empty slot; None for the type of the slot."""
        return None

    @property
    def ncodes(self) -> int:
        """Number of codes: types, or pairs of types."""
        return self.ntypes if self.one_side else self.ntypes**2

    def types_of(self, code: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the types of neighbor and center of a code."""
        return (code, code) if self.one_side else (code % self.ntypes, code // self.ntypes)

    def tabulated(self, cells: RadialCells, type_table: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Return Chebyshev coefficients of the embedding on cells, and an estimate of their truncation error.

        Parameters
        ----------
        cells : RadialCells
            The cells; only their codes and intervals are read.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``.

        Returns
        -------
        tuple of Tensor
            Coefficients, float64 ``[ncell, TERMS, width]`` for any precision of the nets. Estimate of the relative
            truncation error: the largest of the last two coefficients of all series, divided by the largest of all.
        """
        points, to_coefficients = chebyshev(TERMS)
        s = cells.cell_start[:, None] + cells.cell_width[:, None] * (points + 1) / 2
        neighbor_type, center_type = self.types_of(cells.cell_code[:, None])
        values = self(s[:, :, None], neighbor_type, center_type, type_table)
        table = tf.einsum("kq,cqm->ckm", to_coefficients, values)
        last, largest = tf.reduce_max(tf.abs(table[:, -2:])), tf.reduce_max(tf.abs(table))
        return table, tf.math.divide_no_nan(tf.stop_gradient(last), tf.stop_gradient(largest))

    def expanded(self, cells: RadialCells, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return value and derivative of the embedding at the midpoints of cells, a series ``[ncell, 2, width]``.

        For cells of width 2 around single edges this is the embedding itself at every edge. It is slow, but exact for
        any net.
        """
        s = tf.stop_gradient(cells.cell_start + cells.cell_width / 2)[:, None]
        neighbor_type, center_type = self.types_of(cells.cell_code)
        value = self(s, neighbor_type, center_type, type_table)
        # Forward-mode derivative: the derivative of the reverse-mode one, which is linear in `any_grad`.
        any_grad = tf.zeros_like(value)
        (backwards,) = tf.gradients(value, s, any_grad)
        (slope,) = tf.gradients(backwards, any_grad, tf.cast(cells.cell_width / 2, s.dtype)[:, None])
        return tf.stack([value, slope], axis=1)


def chebyshev(terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Chebyshev points in (-1, 1) ``[terms]``, and the matrix from values to coefficients ``[terms, terms]``."""
    angle = np.pi * (np.arange(terms) + 0.5) / terms
    matrix = 2 / terms * np.cos(np.outer(np.arange(terms), angle))
    matrix[0] /= 2
    return np.cos(angle), matrix
