"""``FlatFrames``: frames with equal numbers of atoms as a batch of concatenated atoms."""

from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load

if TYPE_CHECKING:
    from tensorflow import Tensor


class FrameSplits(NamedTuple):
    """Atoms and boundary conditions of the frames.

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
    """Return the frames in the inputs of `prod_env_mat_a`, which must have no ghost atoms.

    Parameters
    ----------
    coord, type, natoms, box, mesh
        As in `prod_env_mat_a`, float64.

    Returns
    -------
    FrameSplits
        The frames. Inconsistent shapes, ghost atoms, and a mesh of a length other than 6 (periodic), 0 or 1 (open)
        raise InvalidArgumentError.
    """
    return FrameSplits(*load().flat_frames(coord, type, natoms, box, mesh))
