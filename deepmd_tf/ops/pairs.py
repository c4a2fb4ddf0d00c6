"""``PairMoments``: pairs of neighbors in cells of type and angle, and their moments there.

For the neighbors j, k of center i, with ``theta_jk = R_j . R_k`` (the last three columns of their rows) and u_jk in
[-1, 1] the place of theta_jk in its cell c,

    S[i, c, q] = sum theta_jk T_q(u_jk)

over the ordered pairs (j, k) in the cell with type_j <= type_k, j = k among them; T_q are Chebyshev polynomials. So for
an embedding ``G_jk = sum_q table[c, q] T_q(u_jk)`` the sum of ``theta_jk G_jk`` over all pairs is one product of
matrices, S times the table, and pairs are never stored.
"""

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_tf.ops.library import load, on_load
from deepmd_tf.ops.panels import Panels

if TYPE_CHECKING:
    from tensorflow import Tensor


class PairCells(NamedTuple):
    """The cells that hold pairs: a panel of the axis of theta for a code, ``smaller type * ntypes + larger type``.

    Attributes
    ----------
    cell_code, cell_panel
        [ncell] int32; cells are sorted by code, then panel. Panels are numbered outwards from zero, those of positive
        theta 0, 2, 4 .., those of negative theta 1, 3, 5 ..
    cell_start, cell_width
        [ncell] float64, the panel in theta.
    """

    cell_code: "Tensor"
    cell_panel: "Tensor"
    cell_start: "Tensor"
    cell_width: "Tensor"


class PairEdges(NamedTuple):
    """Edges, and the panels of the axis of theta.

    Attributes
    ----------
    rows
        [nedge, 4] float64, finite.
    edge_splits
        [ncenters + 1] int64.
    neighbor
        [nedge] int32.
    type
        [nall] int32; center i is atom i.
    panels
        Panels of the axis of ``|theta|``, which begins at 0; ``per_octave`` is a power of two.
    """

    rows: "Tensor"
    edge_splits: "Tensor"
    neighbor: "Tensor"
    type: "Tensor"
    panels: Panels

    @property
    def inputs(self) -> tuple:
        """Inputs of the ops."""
        return *self[:4], self.panels.unit, self.panels.per_octave


def pair_cells(edges: PairEdges, *, ntypes: int) -> PairCells:
    """Find the cells that hold pairs of neighbors of any center."""
    return PairCells(*load().pair_cells(*edges.inputs, ntypes=ntypes))


def every_pair_cell(code: int, octaves: int, panels: Panels) -> PairCells:
    """Return all panels of a code in the first octaves as cells, in the order of `pair_cells`.

    Parameters
    ----------
    code
        The code.
    octaves
        Number of octaves.
    panels
        Panels of the axis of ``|theta|``.
    """
    start, width = panels.intervals(octaves * panels.per_octave)
    sides = np.stack([start, -start - width], axis=1).ravel()
    panel = np.arange(len(sides), dtype=np.int32)
    return PairCells(np.full_like(panel, code), panel, sides, np.repeat(width, 2))


def pair_moments(edges: PairEdges, cells: PairCells, *, ntypes: int, terms: int) -> "Tensor":
    """Moments of the pairs of every center in every cell.

    Parameters
    ----------
    edges
        The edges.
    cells
        Cells of the same edges.
    ntypes
        Number of types.
    terms
        Chebyshev polynomials, 2 to 32.

    Returns
    -------
    Tensor
        [ncenters, ncell, terms] float64. Independent of the number of threads, bit by bit.
    """
    return load().pair_moments(*edges.inputs, cells.cell_code, cells.cell_panel, ntypes=ntypes, terms=terms)


@on_load
def register(module: ModuleType) -> None:
    """Register the gradients.

    The derivative with respect to the rows is linear in that with respect to the moments, and is differentiable with
    respect to it. There is no second derivative with respect to the rows: coordinates are constants in training.
    """
    import tensorflow as tf

    tf.no_gradient("PairCells")

    @tf.RegisterGradient("PairMoments")
    def _gradient(op, moments_grad):
        """Map dL/dS [ncenters, ncell, terms] to dL/d rows [nedge, 4]."""
        ntypes = op.get_attr("ntypes")
        return [module.pair_moments_grad_rows(moments_grad, *op.inputs, ntypes=ntypes), *[None] * 7]

    @tf.RegisterGradient("PairMomentsGradRows")
    def _second_gradient(op, v):
        """Map dL/d rows_grad [nedge, 4] to dL/d moments_grad [ncenters, ncell, terms]."""
        moments_grad, *geometry = op.inputs
        terms, ntypes = moments_grad.shape[2], op.get_attr("ntypes")
        return [module.pair_moments_tangent(v, *geometry, ntypes=ntypes, terms=terms), *[None] * 8]
