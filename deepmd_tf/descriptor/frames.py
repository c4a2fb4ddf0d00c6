"""A batch of frames, as the model takes it: flat, or in the form of the frozen graph's placeholders."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deepmd_tf import ops


class Frames(NamedTuple):
    """Frames of any sizes and compositions, their atoms one after another in any order.

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


class PaddedFrames(NamedTuple):
    """Frames of one number of atoms, as other programs feed them.

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
        """The same frames as `Frames`; they must have no ghosts."""
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
