"""``ProdEnvMatA`` and ``ProdEnvMatR``: neighbor search and environment matrix of a batch of frames.

The first makes whole environment rows, of four columns, the second their radial column alone.
"""

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load, on_load

if TYPE_CHECKING:
    from tensorflow import Tensor


class EnvMat(NamedTuple):
    """The environment of every center in padded form, ``nnei = sum(sel)`` slots a center.

    Block ``t`` of the slots holds the nearest ``sel[t]`` neighbors of type ``t``, by distance. An empty slot has
    neighbor -1, ``descrpt = -davg / dstd``, and zeros.

    Attributes
    ----------
    descrpt
        [nframes, nloc * nnei * columns], (R - davg) / dstd with the environment row R in 1/Å.
    descrpt_deriv
        [nframes, nloc * nnei * columns * 3], derivative of ``descrpt`` with respect to the position of the *center*.
    rij
        [nframes, nloc * nnei * 3], r_j + shift - r_i in Å.
    nlist
        [nframes, nloc * nnei] int32, index of the neighbor in [0, nall), or -1.
    """

    descrpt: "Tensor"
    descrpt_deriv: "Tensor"
    rij: "Tensor"
    nlist: "Tensor"


class EnvMatCounted(NamedTuple):
    """`EnvMat`, and the largest number of neighbors of each type that any center has, [ntypes] int32."""

    descrpt: "Tensor"
    descrpt_deriv: "Tensor"
    rij: "Tensor"
    nlist: "Tensor"
    max_neighbors: "Tensor"


def prod_env_mat_a(
    coord, type, natoms, box, mesh, davg, dstd, rcut_a, rcut_r, rcut_r_smth, sel_a, sel_r, name=None
) -> EnvMat:
    """Find the neighbors of every center and compute its environment matrix.

    The outputs have no gradient: derivatives with respect to positions are ``descrpt_deriv``, through
    `prod_force_se_a` and `prod_virial_se_a`.

    Parameters
    ----------
    coord
        [nframes, nall * 3] in Å, float32 or float64; the other floating-point inputs and outputs have its dtype.
    type
        [nframes, nall] int32 in [0, ntypes), in any order; frames may differ.
    natoms
        [ntypes + 2] int32: nloc, nall, number of atoms of each type (not used).
    box
        [nframes, 9] in Å, rows are the cell vectors; not read when open.
    mesh
        int32 whose length is 6 (periodic) or 0 or 1 (open).
    davg, dstd
        [ntypes, nnei * 4] in 1/Å.
    rcut_a
        Not used.
    rcut_r, rcut_r_smth
        Where the smooth weight reaches zero, and where it begins to fall, Å.
    sel_a
        Number of slots for each neighbor type.
    sel_r
        Zeros.
    name
        Of the op in a graph.
    """
    attributes = _attributes(rcut_a, rcut_r, rcut_r_smth, sel_a, sel_r, name)
    return EnvMat(*load().prod_env_mat_a(_tensor(coord), type, natoms, box, mesh, davg, dstd, **attributes))


def prod_env_mat_a_counted(
    coord, type, natoms, box, mesh, davg, dstd, rcut_a, rcut_r, rcut_r_smth, sel_a, sel_r, name=None
) -> EnvMatCounted:
    """Do what `prod_env_mat_a` does, and count the neighbors of each type whether or not they fit ``sel_a``."""
    attributes = _attributes(rcut_a, rcut_r, rcut_r_smth, sel_a, sel_r, name)
    return EnvMatCounted(
        *load().prod_env_mat_a_counted(_tensor(coord), type, natoms, box, mesh, davg, dstd, **attributes)
    )


def prod_env_mat_r(coord, type, natoms, box, mesh, davg, dstd, rcut, rcut_smth, sel, name=None) -> EnvMat:
    """Find the neighbors of every center and compute the radial column of its environment matrix.

    Parameters
    ----------
    coord, type, natoms, box, mesh
        As for `prod_env_mat_a`.
    davg, dstd
        [ntypes, nnei] in 1/Å.
    rcut, rcut_smth
        Where the smooth weight reaches zero, and where it begins to fall, Å.
    sel
        Number of slots for each neighbor type.
    name
        Of the op in a graph.
    """
    attributes = {"rcut": rcut, "rcut_smth": rcut_smth, "sel": list(sel), "name": name}
    return EnvMat(*load().prod_env_mat_r(_tensor(coord), type, natoms, box, mesh, davg, dstd, **attributes))


def prod_env_mat_r_counted(
    coord, type, natoms, box, mesh, davg, dstd, rcut, rcut_smth, sel, name=None
) -> EnvMatCounted:
    """Do what `prod_env_mat_r` does, and count the neighbors of each type whether or not they fit ``sel``."""
    attributes = {"rcut": rcut, "rcut_smth": rcut_smth, "sel": list(sel), "name": name}
    return EnvMatCounted(
        *load().prod_env_mat_r_counted(_tensor(coord), type, natoms, box, mesh, davg, dstd, **attributes)
    )


def _tensor(coord):
    """Fix the dtype of the op, which would be float64 if it had nothing but arrays to go by."""
    import tensorflow as tf

    return tf.convert_to_tensor(coord)


def _attributes(rcut_a, rcut_r, rcut_r_smth, sel_a, sel_r, name) -> dict:
    return {
        "rcut_a": rcut_a,
        "rcut_r": rcut_r,
        "rcut_r_smth": rcut_r_smth,
        "sel_a": list(sel_a),
        "sel_r": list(sel_r),
        "name": name,
    }


@on_load
def register(module: ModuleType) -> None:
    """Declare the outputs not differentiable, so that a derivative through them is None rather than incomplete."""
    import tensorflow as tf

    for name in ("ProdEnvMatA", "ProdEnvMatACounted", "ProdEnvMatR", "ProdEnvMatRCounted"):
        tf.no_gradient(name)
