"""The formula of SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., arXiv 2409.11321).

For a gradient ``G`` with axes of sizes ``d_1, ..., d_n``, each axis ``k`` has

    S_k <- beta_s S_k + (1 - beta_s) G_(k) G_(k)^T        factor [d_k, d_k]; G_(k) is the unfolding along axis k
    Q_k                                                   orthogonal basis [d_k, d_k], approximate eigenvectors of S_k

and the moments of the rotated gradient ``G' = G x_1 Q_1^T x_2 Q_2^T ...`` are those of Adam:

    M <- beta_1 M + (1 - beta_1) G'
    V <- beta_2 V + (1 - beta_2) G'^2
    U' = M / (1 - beta_1^t) / (sqrt(V / (1 - beta_2^t)) + eps)

The update is ``U = U' x_1 Q_1 x_2 Q_2 ...``. At intervals, ``Q_k`` is refreshed by one step of orthogonal iteration,
``Q_k <- qr(S_k Q_k)``, and the first moment is rotated into the new basis. The functions here have no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepmd_tf.ops import dense_product


class Moments(NamedTuple):
    """First and second moment of the rotated gradient, with the axes of the block."""

    first: tf.Tensor
    second: tf.Tensor


def multiply_axes(tensor: tf.Tensor, matrices: Sequence[tf.Tensor | None], *, transpose: bool = False) -> tf.Tensor:
    """Return the product of a tensor and a matrix along each of its axes.

    Parameters
    ----------
    tensor : Tensor
        A tensor with static shape ``[d_1, ..., d_n]``.
    matrices : sequence of Tensor or None
        For each axis a matrix ``[d_k, d_k]``, or None; the result is ``sum_j matrix[i, j] tensor[..., j, ...]``.
    transpose : bool
        Whether to multiply by the transposes of the matrices.
    """
    shape = tensor.shape.as_list()
    for size, matrix in zip(shape, matrices, strict=True):
        # Each product moves the first axis to the end, so that all axes are back in place after the last one.
        rows = tf.reshape(tensor, [size, -1])
        if matrix is None:
            tensor = tf.transpose(rows)
        else:
            tensor = dense_product(rows, matrix, transpose_a=True, transpose_b=not transpose)
    return tf.reshape(tensor, shape)


def unfolded_square(tensor: tf.Tensor, axis: int) -> tf.Tensor:
    """Return ``G_(k) G_(k)^T [d_k, d_k]`` of the unfolding of a tensor along an axis."""
    axes = tensor.shape.rank
    size = tensor.shape[axis]
    if axis == axes - 1:
        rows = tf.reshape(tensor, [-1, size])
        return dense_product(rows, rows, transpose_a=True)
    rows = tf.reshape(tf.transpose(tensor, [axis, *(k for k in range(axes) if k != axis)]), [size, -1])
    return dense_product(rows, rows, transpose_b=True)


def adam_update(
    gradient: tf.Tensor, moments: Moments, updates: tf.Tensor, betas: tuple[float, float], epsilon: float
) -> tuple[tf.Tensor, Moments]:
    """Return Adam's update, without the learning rate, and the new moments.

    Parameters
    ----------
    gradient : Tensor
        The (rotated) gradient.
    moments : Moments
        Moments before this update.
    updates : Tensor
        Number of this update, from 1, float.
    betas : tuple of float
        Decay of the first and the second moment.
    epsilon : float
        Added to the root of the second moment.
    """
    beta1, beta2 = betas
    first = beta1 * moments.first + (1 - beta1) * gradient
    second = beta2 * moments.second + (1 - beta2) * tf.square(gradient)
    corrected = first / (1 - tf.constant(beta1, updates.dtype) ** updates)
    root = tf.sqrt(second / (1 - tf.constant(beta2, updates.dtype) ** updates))
    return corrected / (root + epsilon), Moments(first, second)


def first_basis(factor: np.ndarray) -> np.ndarray:
    """Return the eigenvectors of a factor, largest eigenvalue first.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the factor is not finite or the decomposition fails.
    """
    _check_finite(factor)
    return np.ascontiguousarray(np.linalg.eigh(factor)[1][:, ::-1])


def next_basis(factor: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the basis after one step of orthogonal iteration, ``qr(S Q)``.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the factor or the result is not finite.
    """
    _check_finite(factor)
    product = factor @ basis
    orthogonal, triangular = np.linalg.qr(product)
    _check_finite(orthogonal)
    return orthogonal * np.where(np.diag(triangular) < 0, -1, 1).astype(orthogonal.dtype)


def _check_finite(array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise np.linalg.LinAlgError("not finite")
