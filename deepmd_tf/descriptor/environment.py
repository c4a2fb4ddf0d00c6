"""The padded geometry of the portable graph: environment rows in fixed slots, and what pulls back through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from deepmd_tf import ops


class Frames(NamedTuple):
    """A batch of frames with one number of atoms, in the form of the frozen graph's placeholders.

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


@dataclass(frozen=True)
class PaddedEnvironment:
    """Environment rows of every centre in ``nnei = sum(sel)`` slots, blocks by neighbour type.

    Attributes
    ----------
    rows : Tensor
        Normalised environment rows ``[nframes, nloc * nnei * 4]``; everything differentiable is a function of them.
    rows_deriv, rij, nlist : Tensor
        The other outputs of ProdEnvMatA (CONTRACT: compiled ops).
    max_neighbors : Tensor
        int32 ``[ntypes]``, the largest number of neighbours of each type that a centre of the batch has.
    frames : Frames
        Where it came from.
    nnei : int
        Number of slots.
    """

    rows: tf.Tensor
    rows_deriv: tf.Tensor
    rij: tf.Tensor
    nlist: tf.Tensor
    max_neighbors: tf.Tensor
    frames: Frames
    nnei: int

    @property
    def center_type(self) -> tf.Tensor:
        """Types of the centres, int32 ``[nframes * nloc]``."""
        return tf.reshape(self.frames.type[:, : self.frames.natoms[0]], [-1])

    @property
    def used_slots(self) -> tf.Tensor:
        """Indices of the slots that hold a neighbour of at least one centre, int32 ``[nused]``."""
        held = tf.reduce_any(tf.reshape(self.nlist, [-1, self.nnei]) >= 0, axis=0)
        return tf.cast(tf.where(held)[:, 0], tf.int32)

    def force(self, rows_grad: tf.Tensor) -> tf.Tensor:
        """Map ``dE/d rows`` to forces (eV/Å) ``[nframes, nall * 3]``."""
        return ops.prod_force_se_a(
            rows_grad, self.rows_deriv, self.nlist, self.frames.natoms, n_a_sel=self.nnei, n_r_sel=0
        )

    def virial(self, rows_grad: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map ``dE/d rows`` to the virial ``[nframes, 9]`` and the atomic virial ``[nframes, nall * 9]`` (eV)."""
        return ops.prod_virial_se_a(
            rows_grad, self.rows_deriv, self.rij, self.nlist, self.frames.natoms, n_a_sel=self.nnei, n_r_sel=0
        )


def padded_environment(
    frames: Frames, avg: tf.Tensor, std: tf.Tensor, sel: tuple[int, ...], rcut: float, rcut_smth: float
) -> PaddedEnvironment:
    """Neighbour search and environment rows of a batch.

    Parameters
    ----------
    frames : Frames
        The batch.
    avg, std : Tensor
        Normalisation per centre type, float64 ``[ntypes, nnei * 4]``.
    sel : tuple of int
        Slots per neighbour type.
    rcut, rcut_smth : float
        Cutoff and where smoothing begins (Å).
    """
    rows, rows_deriv, rij, nlist, max_neighbors = ops.prod_env_mat_a_counted(
        frames.coord,
        frames.type,
        frames.natoms,
        frames.box,
        frames.mesh,
        avg,
        std,
        rcut_a=-1.0,
        rcut_r=rcut,
        rcut_r_smth=rcut_smth,
        sel_a=list(sel),
        sel_r=[0] * len(sel),
    )
    return PaddedEnvironment(rows, rows_deriv, rij, nlist, max_neighbors, frames, sum(sel))
