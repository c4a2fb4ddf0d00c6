"""Edges: the real neighbors of every center, and the derivatives with respect to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from deepmd_tf import ops

if TYPE_CHECKING:
    from deepmd_tf.descriptor.tabulated import TabulatedDescriptor
    from deepmd_tf.descriptor.tabulation import Tabulation


class Frames(NamedTuple):
    """Frames of any sizes and compositions, with concatenated atoms in any order.

    Attributes
    ----------
    coord : Tensor
        Coordinates (Å), float64 ``[natoms, 3]``.
    type : Tensor
        Types, int32 ``[natoms]``.
    splits : Tensor
        int32 ``[nframes + 1]``: atoms ``splits[f]`` to ``splits[f + 1]`` are those of frame f.
    box : Tensor
        Cell vectors in rows (Å), float64 ``[nframes, 9]``; not read in open frames.
    periodic : Tensor
        bool ``[nframes]``.
    fparam : Tensor or None
        Frame parameters, float64 ``[nframes, numb_fparam]``.
    aparam : Tensor or None
        Atomic parameters, float64 ``[natoms, numb_aparam]``.
    """

    coord: tf.Tensor
    type: tf.Tensor
    splits: tf.Tensor
    box: tf.Tensor
    periodic: tf.Tensor
    fparam: tf.Tensor | None = None
    aparam: tf.Tensor | None = None

    def environment(self, descriptor: TabulatedDescriptor) -> EdgeEnvironment:
        """Return the edges of the frames and their environment rows for a descriptor."""
        return edge_environment(
            self, descriptor.normalization, descriptor.ntypes, descriptor.config.rcut, descriptor.config.rcut_smth
        )


@dataclass(frozen=True)
class Normalization:
    """Normalization of environment rows by the type of the center.

    Attributes
    ----------
    avg, std_radial, std_angular : Tensor
        float64 ``[ntypes]``: ``(s - avg) / std_radial``, and ``(s x/r) / std_angular``.
    """

    avg: tf.Tensor
    std_radial: tf.Tensor
    std_angular: tf.Tensor

    @property
    def at_cutoff(self) -> tf.Tensor:
        """Smallest normalized radial column, which is that at the cutoff, ``[ntypes]``."""
        return -self.avg / self.std_radial


@dataclass(frozen=True)
class EdgeEnvironment:
    """Edges of every center, sorted by the type of the neighbor, then by distance.

    Attributes
    ----------
    edge_vec : Tensor
        r_j + shift - r_i (Å), float64 ``[nedge, 3]``; everything differentiable is a function of them.
    edge_splits : Tensor
        int64 ``[natoms + 1]``: the edges of each center.
    neighbor : Tensor
        Index of the neighbor in the batch, int32 ``[nedge]``.
    rows : Tensor
        Normalized environment rows, float64 ``[nedge, 4]``.
    max_neighbors : Tensor
        Largest number of neighbors of each type of any center, int32 ``[ntypes]``.
    frames : Frames
        The batch.
    """

    edge_vec: tf.Tensor
    edge_splits: tf.Tensor
    neighbor: tf.Tensor
    rows: tf.Tensor
    max_neighbors: tf.Tensor
    frames: Frames

    @property
    def differentiable(self) -> tf.Tensor:
        """Tensor with respect to which energies are differentiated; `force` and `virial` take the derivative."""
        return self.edge_vec

    @staticmethod
    def product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Return the product of two matrices."""
        return ops.dense_product(a, b)

    def describe(
        self, descriptor: TabulatedDescriptor, type_table: tf.Tensor | None, tabulation: Tabulation | None
    ) -> tf.Tensor:
        """Return the descriptors of the centers ``[ncenters, width]``; see `TabulatedDescriptor.__call__`."""
        number = None if tabulation is None else tabulation.per_octave_of(descriptor)
        if number is None:
            return descriptor.over_edges(self, type_table, None)[0]
        result, error = descriptor.over_edges(self, type_table, descriptor.panels(number))
        tabulation.report(descriptor, error)
        return result

    @property
    def nframes(self) -> tf.Tensor:
        """Number of frames."""
        return tf.size(self.frames.splits) - 1

    @property
    def natoms(self) -> tf.Tensor:
        """Number of atoms in all frames."""
        return tf.size(self.frames.type)

    @property
    def center_type(self) -> tf.Tensor:
        """Types of the centers, int32 ``[ncenters]``."""
        return self.frames.type

    @cached_property
    def center_frame(self) -> tf.Tensor:
        """Frame index of every center, int32 ``[ncenters]``."""
        return tf.repeat(tf.range(self.nframes), self.frames.splits[1:] - self.frames.splits[:-1])

    @property
    def edge_center(self) -> tf.Tensor:
        """Center of every edge, int64 ``[nedge]``."""
        count = self.edge_splits[1:] - self.edge_splits[:-1]
        return tf.repeat(tf.range(tf.size(count, tf.int64)), count)

    @property
    def fparam(self) -> tf.Tensor | None:
        """Frame parameters of every center ``[ncenters, numb_fparam]``."""
        return None if self.frames.fparam is None else tf.gather(self.frames.fparam, self.center_frame)

    @property
    def aparam(self) -> tf.Tensor | None:
        """Atomic parameters ``[ncenters, numb_aparam]``."""
        return self.frames.aparam

    def frame_sum(self, values: tf.Tensor) -> tf.Tensor:
        """Sum values of the centers ``[ncenters]`` over each frame ``[nframes]``."""
        return tf.math.unsorted_segment_sum(values, self.center_frame, self.nframes)

    def force(self, edge_grad: tf.Tensor) -> tf.Tensor:
        """Map ``dE/d edge_vec`` to forces (eV/Å) ``[natoms, 3]``."""
        return ops.edge_force(edge_grad, self.edge_splits, self.neighbor, self.natoms)

    def virial(self, edge_grad: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map ``dE/d edge_vec`` to the virial ``[nframes, 9]`` and the atomic virial ``[natoms, 9]`` (eV)."""
        return ops.edge_virial(edge_grad, self.edge_vec, self.edge_splits, self.neighbor, self.frames.splits)


def edge_environment(
    frames: Frames, normalization: Normalization, ntypes: int, rcut: float, rcut_smth: float
) -> EdgeEnvironment:
    """Neighbor search and environment rows of a batch.

    Parameters
    ----------
    frames : Frames
        The batch.
    normalization : Normalization
        Normalization of the rows.
    ntypes : int
        Number of types.
    rcut, rcut_smth : float
        Cutoff, and begin of the smoothing (Å).
    """
    edge_splits, neighbor, edge_vec, max_neighbors = ops.neighbor_edges(
        frames.coord, frames.type, frames.splits, frames.box, frames.periodic, rcut, ntypes=ntypes
    )
    rows = ops.edge_rows(
        edge_vec,
        edge_splits,
        frames.type,
        normalization.avg,
        normalization.std_radial,
        normalization.std_angular,
        rcut,
        rcut_smth,
    )
    return EdgeEnvironment(edge_vec, edge_splits, neighbor, rows, max_neighbors, frames)
