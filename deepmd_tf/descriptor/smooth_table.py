"""Compact tables of an embedding with continuous second derivatives, for a given accuracy.

On every panel ``G(s, code)`` is a polynomial written as a Chebyshev series. It interpolates value, first and second
derivative of the embedding at both ends of the panel, which neighboring panels share, and its value at Chebyshev points
in between. Without such points it is the quintic Hermite interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.polynomial import chebyshev as series

from deepmd_tf.descriptor.radial_embedding import RadialEmbedding, chebyshev
from deepmd_tf.ops import Panels

FEWEST_TERMS, MAX_TERMS = 6, 18
"""Lengths of the series: the quintic, and where rounding in the second derivatives begins to show."""

_CHUNK = 2**16  # places at which the embedding is evaluated at once


@dataclass(frozen=True)
class PanelGrid:
    """The first panels of the radial axis.

    Attributes
    ----------
    panels : Panels
        The panels.
    npanels : int
        Number of panels.
    """

    panels: Panels
    npanels: int

    @property
    def edges(self) -> np.ndarray:
        """Boundaries of the panels ``[npanels + 1]``."""
        return self.panels.edges(self.npanels)


class TableErrors:
    """Differences between a table and the embedding, at points between the interpolated ones.

    Attributes
    ----------
    value, slope : float
        Largest difference of a component of G, and of its derivative with respect to s.
    scale : float
        Largest component of G.
    """

    def __init__(self) -> None:
        self.value = self.slope = self.scale = 0.0

    def add(self, value: np.ndarray, slope: np.ndarray, exact: np.ndarray, exact_slope: np.ndarray) -> None:
        """Include more points."""
        self.value = max(self.value, float(np.abs(value - exact).max()))
        self.slope = max(self.slope, float(np.abs(slope - exact_slope).max()))
        self.scale = max(self.scale, float(np.abs(exact).max()))

    @property
    def relative(self) -> float:
        """Error of the value divided by the largest component."""
        return self.value / self.scale if self.scale else 0.0


class EmbeddingCurves:
    """An embedding as functions of s, one for each code, with their derivatives.

    Parameters
    ----------
    embedding : RadialEmbedding
        Without kinks; nets are evaluated in float64.
    type_table : Tensor or None
        The type embedding ``[ntypes, type_width]``, in models that have one.
    """

    def __init__(self, embedding: RadialEmbedding, type_table: tf.Tensor | None):
        self.ncodes, self.width = embedding.ncodes, embedding.width

        def evaluate(s, codes):
            neighbor_type, center_type = embedding.types_of(codes[:, None])
            values = [embedding(s, neighbor_type, center_type, type_table)]
            for _ in range(2):
                # Forward-mode derivative: the derivative of the reverse-mode one, which is linear in `any_grad`.
                any_grad = tf.zeros_like(values[-1])
                (backwards,) = tf.gradients(values[-1], s, any_grad)
                values += tf.gradients(backwards, any_grad, tf.ones_like(s))
            return values

        signature = [tf.TensorSpec([None, None, 1], tf.float64), tf.TensorSpec([None], tf.int32)]
        self._evaluate = tf.function(evaluate, input_signature=signature, autograph=False)

    def __call__(self, s: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
        """Return value, first and second derivative at ``s [npoints]`` for ``codes [n]``, ``[n, npoints, width]``."""
        points = np.broadcast_to(s[None, :, None], (len(codes), len(s), 1))
        return [each.numpy() for each in self._evaluate(tf.constant(points), tf.constant(codes, tf.int32))]


def _conditions(terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the interpolation conditions of the series on a panel.

    Returns
    -------
    tuple of ndarray
        The points between the ends ``[terms - 6]``, and the matrix from value, slope and curvature at both ends and the
        values at these points to the series ``[terms, terms]``.
    """
    between = chebyshev(terms - 6)[0] if terms > 6 else np.zeros(0)
    unit = np.eye(terms)
    rows = [
        series.chebval(end, series.chebder(unit, order, axis=0) if order else unit)
        for end in (-1, 1)
        for order in range(3)
    ]
    rows += list(series.chebvander(between, terms - 1))
    matrix = np.array(rows)
    sizes = np.abs(matrix).max(axis=1, keepdims=True)
    return between, np.linalg.inv(matrix / sizes) / sizes.T


def _chunks(ncodes: int, places: int) -> Iterator[np.ndarray]:
    size = max(1, _CHUNK // places)
    for begin in range(0, ncodes, size):
        yield np.arange(begin, min(begin + size, ncodes))


def smooth_table(curves: EmbeddingCurves, grid: PanelGrid, terms: int) -> np.ndarray:
    """Return Chebyshev coefficients of the embedding, float64 ``[ncodes, npanels, terms, width]``.

    Parameters
    ----------
    curves : EmbeddingCurves
        The embedding.
    grid : PanelGrid
        The panels.
    terms : int
        Length of the series, at least `FEWEST_TERMS`.
    """
    edges = grid.edges
    half = np.diff(edges)[:, None] / 2  # ds/du, u in [-1, 1]
    between, to_series = _conditions(terms)
    inside = (edges[:-1, None] + half * (between + 1)).ravel()
    parts = []
    for codes in _chunks(curves.ncodes, len(edges) + len(inside)):
        at_edges = curves(edges, codes)
        ends = [at_edges[n][:, side : side + len(half)] * half**n for side in (0, 1) for n in range(3)]
        values = curves(inside, codes)[0].reshape(len(codes), len(half), len(between), curves.width)
        given = np.concatenate([np.stack(ends, axis=2), values], axis=2)
        parts.append(np.einsum("kq,cpqm->cpkm", to_series, given))
    return np.concatenate(parts)


def table_errors(
    curves: EmbeddingCurves,
    grid: PanelGrid,
    table: np.ndarray,
    until: float = np.inf,
    checks: int = 33,
) -> TableErrors:
    """Compare a table with the embedding at `checks` points of every panel.

    Parameters
    ----------
    curves : EmbeddingCurves
        The embedding.
    grid : PanelGrid
        The panels.
    table : ndarray
        From `smooth_table`.
    until : float
        Panels that begin beyond this s are omitted.
    checks : int
        Number of evenly spaced points of a panel, including its ends.
    """
    edges = grid.edges
    edges = edges[: max(2, int(np.searchsorted(edges, until)) + 1)]
    npanels = len(edges) - 1
    u = np.linspace(-1, 1, checks)
    half = np.diff(edges)[:, None] / 2
    s = edges[:-1, None] + half * (u + 1)
    powers = series.chebvander(u, table.shape[2] - 1)
    slopes = series.chebval(u, series.chebder(np.eye(table.shape[2]), axis=0)).T
    errors = TableErrors()
    for codes in _chunks(curves.ncodes, s.size):
        exact, exact_slope, _ = (each.reshape(len(codes), npanels, checks, -1) for each in curves(s.ravel(), codes))
        part = table[codes, :npanels]
        value = np.einsum("uk,cpkm->cpum", powers, part)
        slope = np.einsum("uk,cpkm->cpum", slopes, part) / half[None, :, :, None]
        errors.add(value, slope, exact, exact_slope)
    return errors
