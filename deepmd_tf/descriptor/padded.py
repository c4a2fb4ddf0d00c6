"""Padded geometry of the portable graph: environment rows in fixed slots, and the derivatives with respect to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.edges import Frames

if TYPE_CHECKING:
    from deepmd_tf.descriptor.tabulated import TabulatedDescriptor
    from deepmd_tf.descriptor.tabulation import Tabulation


class PaddedFrames(NamedTuple):
    """Frames with equal numbers of atoms, as other programs feed them.

    Attributes
    ----------
    coord : Tensor
        Coordinates (Å), float64 ``[nframes, nall * 3]``.
    type : Tensor
        Types, int32 ``[nframes, nall]``.
    natoms : Tensor
        int32 ``[ntypes + 2]``: nloc, nall, number of atoms of each type.
    box : Tensor
        Cell vectors in rows (Å), float64 ``[nframes, 9]``; not read in open frames.
    mesh : Tensor
        int32; length 6 means periodic, length 0 open.
    fparam : Tensor or None
        Frame parameters, float64 ``[nframes, numb_fparam]``.
    aparam : Tensor or None
        Atomic parameters, float64 ``[nframes, nloc * numb_aparam]``.
    """

    coord: tf.Tensor
    type: tf.Tensor
    natoms: tf.Tensor
    box: tf.Tensor
    mesh: tf.Tensor
    fparam: tf.Tensor | None = None
    aparam: tf.Tensor | None = None

    def flat(self) -> Frames:
        """Return the frames as `Frames`; they must have no ghost atoms."""
        splits, periodic = ops.flat_frames(self.coord, self.type, self.natoms, self.box, self.mesh)
        return Frames(
            tf.reshape(self.coord, [-1, 3]),
            tf.reshape(self.type, [-1]),
            splits,
            self.box,
            periodic,
            self.fparam,
            None if self.aparam is None else tf.reshape(self.aparam, tf.stack([splits[-1], -1])),
        )

    def environment(self, descriptor: TabulatedDescriptor) -> PaddedEnvironment:
        """Return the environment rows of the frames in slots for a descriptor."""
        config = descriptor.config
        cutoffs = (config.rcut, config.rcut_smth)
        return padded_environment(self, descriptor.avg, descriptor.std, descriptor.sel, *cutoffs, descriptor.columns)


@dataclass(frozen=True)
class PaddedEnvironment:
    """Environment rows of every center in ``nnei = sum(sel)`` slots, blocks by neighbor type.

    A row has four columns, or the radial one alone.

    Attributes
    ----------
    rows : Tensor
        Normalized environment rows ``[nframes, nloc * nnei * columns]``; energies are functions of them.
    rows_deriv, rij, nlist : Tensor
        The other outputs of ProdEnvMatA or ProdEnvMatR (CONTRACT: compiled ops).
    frames : PaddedFrames
        The batch.
    nnei, columns : int
        Number of slots, and of columns.
    """

    rows: tf.Tensor
    rows_deriv: tf.Tensor
    rij: tf.Tensor
    nlist: tf.Tensor
    frames: PaddedFrames
    nnei: int
    columns: int

    @property
    def differentiable(self) -> tf.Tensor:
        """Tensor with respect to which energies are differentiated; `force` and `virial` take the derivative."""
        return self.rows

    @staticmethod
    def product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Return the product of two matrices, by an operation that other programs have."""
        return tf.matmul(a, b)

    @property
    def max_neighbors(self) -> None:
        """None: these operations do not count neighbors."""

    def describe(
        self, descriptor: TabulatedDescriptor, type_table: tf.Tensor | None, tabulation: Tabulation | None
    ) -> tf.Tensor:
        """Return the descriptors of the centers ``[ncenters, width]``; the embedding is evaluated at every slot."""
        return descriptor.over_slots(self, type_table)

    @property
    def nframes(self) -> tf.Tensor:
        """Number of frames."""
        return tf.shape(self.frames.type)[0]

    @property
    def center_type(self) -> tf.Tensor:
        """Types of the centers, int32 ``[ncenters]``."""
        return tf.reshape(self.frames.type[:, : self.frames.natoms[0]], [-1])

    @property
    def fparam(self) -> tf.Tensor | None:
        """Frame parameters of every center ``[ncenters, numb_fparam]``."""
        if self.frames.fparam is None:
            return None
        return tf.repeat(self.frames.fparam, self.frames.natoms[0], axis=0)

    @property
    def aparam(self) -> tf.Tensor | None:
        """Atomic parameters ``[ncenters, numb_aparam]``."""
        if self.frames.aparam is None:
            return None
        return tf.reshape(self.frames.aparam, tf.stack([tf.size(self.center_type), -1]))

    @property
    def used_slots(self) -> tf.Tensor:
        """Indices of the slots that hold a neighbor of at least one center, int32 ``[nused]``."""
        held = tf.reduce_any(tf.reshape(self.nlist, [-1, self.nnei]) >= 0, axis=0)
        return tf.cast(tf.where(held)[:, 0], tf.int32)

    def frame_sum(self, values: tf.Tensor) -> tf.Tensor:
        """Sum values of the centers ``[ncenters]`` over each frame ``[nframes]``."""
        return tf.reduce_sum(tf.reshape(values, tf.stack([self.nframes, -1])), axis=1)

    def force(self, rows_grad: tf.Tensor) -> tf.Tensor:
        """Map ``dE/d rows`` to forces (eV/Å) ``[nframes * nall, 3]``."""
        given = (rows_grad, self.rows_deriv, self.nlist, self.frames.natoms)
        force = ops.prod_force_se_r(*given) if self.columns == 1 else ops.prod_force_se_a(*given, n_a_sel=self.nnei)
        return tf.reshape(force, [-1, 3])

    def virial(self, rows_grad: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map ``dE/d rows`` to the virial ``[nframes, 9]`` and the atomic virial ``[nframes * nall, 9]`` (eV)."""
        given = (rows_grad, self.rows_deriv, self.rij, self.nlist, self.frames.natoms)
        virial, atom_virial = (
            ops.prod_virial_se_r(*given) if self.columns == 1 else ops.prod_virial_se_a(*given, n_a_sel=self.nnei)
        )
        return virial, tf.reshape(atom_virial, [-1, 9])


def padded_environment(
    frames: PaddedFrames,
    avg: tf.Tensor,
    std: tf.Tensor,
    sel: tuple[int, ...],
    rcut: float,
    rcut_smth: float,
    columns: int = 4,
) -> PaddedEnvironment:
    """Neighbor search and environment rows of a batch.

    Parameters
    ----------
    frames : PaddedFrames
        The batch.
    avg, std : Tensor
        Normalization per center type, float64 ``[ntypes, nnei * columns]``.
    sel : tuple of int
        Slots per neighbor type.
    rcut, rcut_smth : float
        Cutoff, and begin of the smoothing (Å).
    columns : int
        4 for whole rows, 1 for their radial column alone.
    """
    given = (frames.coord, frames.type, frames.natoms, frames.box, frames.mesh, avg, std)
    if columns == 1:
        environment = ops.prod_env_mat_r(*given, rcut=rcut, rcut_smth=rcut_smth, sel=sel)
    else:
        environment = ops.prod_env_mat_a(
            *given, rcut_a=-1.0, rcut_r=rcut, rcut_r_smth=rcut_smth, sel_a=sel, sel_r=[0] * len(sel)
        )
    return PaddedEnvironment(*environment, frames, sum(sel), columns)
