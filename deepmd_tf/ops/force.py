"""``ProdForceSeA``, ``ProdForceSeR``: forces from the derivative of the energy by the environment matrix."""

from types import ModuleType
from typing import TYPE_CHECKING

from deepmd_tf.ops.library import load, on_load

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
        nnei, the number of slots of a center.
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


def prod_force_se_r(net_deriv, in_deriv, nlist, natoms, name=None) -> "Tensor":
    """Do what `prod_force_se_a` does, for the outputs of `prod_env_mat_r`, which have one column instead of four."""
    return load().prod_force_se_r(net_deriv, in_deriv, nlist, natoms, name=name)


@on_load
def register(module: ModuleType) -> None:
    """Register the gradients: each op is a linear map of ``net_deriv``, and the op with Grad in its name the transpose.

    ``in_deriv`` comes from an op that has no gradient, so none is given for it.
    """
    _register("ProdForceSeA", module.prod_force_se_a, module.prod_force_se_a_grad, ("n_a_sel", "n_r_sel"))
    _register("ProdForceSeR", module.prod_force_se_r, module.prod_force_se_r_grad, ())


def _register(name: str, force, force_grad, attributes: tuple[str, ...]) -> None:
    import tensorflow as tf

    @tf.RegisterGradient(name)
    def _force_gradient(op, grad):
        """Map dL/d force [nframes, nall * 3] to dL/d net_deriv [nframes, nloc * nnei * columns]."""
        _, in_deriv, nlist, natoms = op.inputs
        given = {attribute: op.get_attr(attribute) for attribute in attributes}
        return [force_grad(grad, in_deriv, nlist, natoms, **given), None, None, None]

    @tf.RegisterGradient(name + "Grad")
    def _force_second_gradient(op, grad):
        """Map dL/d grad_net [nframes, nloc * nnei * columns] to dL/d grad [nframes, nall * 3]."""
        _, in_deriv, nlist, natoms = op.inputs
        given = {attribute: op.get_attr(attribute) for attribute in attributes}
        return [force(grad, in_deriv, nlist, natoms, **given), None, None, None]
