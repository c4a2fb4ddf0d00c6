"""``RadialCells``: edges sorted into cells of type and distance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_tf.ops.library import load
from deepmd_tf.ops.panels import Panels

if TYPE_CHECKING:
    from tensorflow import Tensor


class RadialCells(NamedTuple):
    """The cells that hold edges, and the runs: neighboring edges of one center in one cell.

    The radial axis s is divided into panels that widen with s; a cell is a panel of one code (a neighbor's type, or a
    pair of types).

    Attributes
    ----------
    cell_code
        [ncell] int32; cells are sorted by code, then panel.
    cell_start, cell_width
        [ncell] float64, the panel in s.
    run_splits
        [ncenters + 1] int64, the runs of each center.
    run_edges
        [nrun, 2] int64, a run's first edge and the one after its last.
    run_cell, run_center
        [nrun] int32.
    cell_splits
        [ncell + 1] int64, the places in `cell_runs` of each cell.
    cell_runs
        [nrun] int32, runs sorted by cell.
    count_center, count_pair, count
        [ncount] int32: how many neighbors of a type a center has, for those it has, with ``pair = center type * ntypes
        + neighbor type``.
    """

    cell_code: "Tensor"
    cell_start: "Tensor"
    cell_width: "Tensor"
    run_splits: "Tensor"
    run_edges: "Tensor"
    run_cell: "Tensor"
    run_center: "Tensor"
    cell_splits: "Tensor"
    cell_runs: "Tensor"
    count_center: "Tensor"
    count_pair: "Tensor"
    count: "Tensor"


def radial_cells(
    rows,
    edge_splits,
    neighbor,
    type,
    panels: Panels | None,
    *,
    ntypes: int,
    one_side: bool,
    exclude_types: Sequence[Sequence[int]] = (),
) -> RadialCells:
    """Sort edges into cells by type and by s, the first column of their rows.

    Parameters
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
        Panels of the axis of s; None for a cell of width 2 around every edge.
    ntypes
        Number of types.
    one_side
        Whether a code is the neighbor's type, or else ``center type * ntypes + neighbor type``.
    exclude_types
        Pairs of types whose edges belong to no cell.
    """
    # The op takes 0 panels per octave for a cell around every edge.
    axis = (0.0, 1.0, 0) if panels is None else (panels.lowest, panels.unit, panels.per_octave)
    return RadialCells(
        *load().radial_cells(
            rows,
            edge_splits,
            neighbor,
            type,
            *axis,
            ntypes=ntypes,
            one_side=one_side,
            exclude_types=[int(index) for pair in exclude_types for index in pair],
        )
    )


def every_cell(ncodes: int, npanels: int, panels: Panels) -> RadialCells:
    """Return the first panels of all codes as cells without edges, in the order of `radial_cells`.

    Parameters
    ----------
    ncodes, npanels
        Numbers of codes and of panels.
    panels
        Panels of the axis of s.
    """
    start, width = panels.intervals(npanels)
    nothing = np.zeros(0, np.int32)
    return RadialCells(
        np.repeat(np.arange(ncodes, dtype=np.int32), npanels),
        np.tile(start, ncodes),
        np.tile(width, ncodes),
        np.zeros(1, np.int64),
        np.zeros((0, 2), np.int64),
        nothing,
        nothing,
        np.zeros(ncodes * npanels + 1, np.int64),
        *[nothing] * 4,
    )
