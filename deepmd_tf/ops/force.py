"""``ProdForceSeA``: forces from the derivative of the energy with respect to the environment matrix."""

from types import ModuleType
from typing import TYPE_CHECKING

from deepmd_tf.ops.library import load

if TYPE_CHECKING:
    from tensorflow import Tensor


def prod_force_se_a(net_deriv, in_deriv, nlist, natoms, n_a_sel, n_r_sel=0, name=None) -> "Tensor":
    """Sum the forces on all atoms; with ``g = net_deriv . in_deriv`` of a slot, ``F_i -= g`` and ``F_j += g``.

    Parameters
    ----------
    net_deriv
        [nframes, nloc * nnei * 4], dE/d descrpt in eV.
    in_deriv
        [nframes, nloc * nnei * 12], ``descrpt_deriv`` of `prod_env_mat_a`.
    nlist
        [nframes, nloc * nnei] int32, of `prod_env_mat_a`.
    natoms
        [ntypes + 2] int32: nloc, nall, number of atoms of each type.
    n_a_sel
        nnei, the number of slots of a centre.
    n_r_sel
        Zero.
    name
        Of the op in a graph.

    Returns
    -------
    Tensor
        [nframes, nall * 3] in eV/Å. The sum does not depend on the number of threads.
    """
    return load().prod_force_se_a(net_deriv, in_deriv, nlist, natoms, n_a_sel=n_a_sel, n_r_sel=n_r_sel, name=name)


def register(module: ModuleType) -> None:
    """Register the gradients: the op is a linear map of ``net_deriv`` and ``ProdForceSeAGrad`` is its transpose.

    ``in_deriv`` comes from an op that has no gradient, so none is given for it.
    """
    import tensorflow as tf

    @tf.RegisterGradient("ProdForceSeA")
    def _force_gradient(op, grad):
        """Map dL/d force [nframes, nall * 3] to dL/d net_deriv [nframes, nloc * nnei * 4]."""
        _, in_deriv, nlist, natoms = op.inputs
        attributes = {name: op.get_attr(name) for name in ("n_a_sel", "n_r_sel")}
        return [module.prod_force_se_a_grad(grad, in_deriv, nlist, natoms, **attributes), None, None, None]

    @tf.RegisterGradient("ProdForceSeAGrad")
    def _force_second_gradient(op, grad):
        """Map dL/d grad_net [nframes, nloc * nnei * 4] to dL/d grad [nframes, nall * 3]."""
        _, in_deriv, nlist, natoms = op.inputs
        attributes = {name: op.get_attr(name) for name in ("n_a_sel", "n_r_sel")}
        return [module.prod_force_se_a(grad, in_deriv, nlist, natoms, **attributes), None, None, None]
