"""``FlatFrames``: frames of one number of atoms as a batch whose atoms stand one after another."""

from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load

if TYPE_CHECKING:
    from tensorflow import Tensor


class FrameSplits(NamedTuple):
    """Where frames begin, and their boundaries.

    Attributes
    ----------
    frame_splits
        [nframes + 1] int32.
    periodic
        [nframes] bool.
    """

    frame_splits: "Tensor"
    periodic: "Tensor"


def flat_frames(coord, type, natoms, box, mesh) -> FrameSplits:
    """Read what `prod_env_mat_a` takes, without ghost atoms.

    Parameters
    ----------
    coord, type, natoms, box, mesh
        As in `prod_env_mat_a`, float64.

    Returns
    -------
    FrameSplits
        Shapes that do not fit, ghost atoms, and a mesh of another length than 6 (periodic), 0 or 1 (open) are an
        InvalidArgumentError.
    """
    return FrameSplits(*load().flat_frames(coord, type, natoms, box, mesh))
