"""``ProdVirialSeA``: virials from the derivative of the energy with respect to the environment matrix."""

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load

if TYPE_CHECKING:
    from tensorflow import Tensor


class Virial(NamedTuple):
    """The virial of each frame and how it is divided among atoms.

    Attributes
    ----------
    virial
        [nframes, 9] in eV, -sum dE/dr (x) r, rows are the components of dE/dr; pressure = trace / 3V.
    atom_virial
        [nframes, nall * 9] in eV; sums to ``virial``.
    """

    virial: "Tensor"
    atom_virial: "Tensor"


def prod_virial_se_a(net_deriv, in_deriv, rij, nlist, natoms, n_a_sel, n_r_sel=0, name=None) -> Virial:
    """Sum the virials; with ``g = net_deriv . in_deriv`` of a slot, the slot adds ``g (x) rij`` to its neighbour.

    Parameters
    ----------
    net_deriv
        [nframes, nloc * nnei * 4], dE/d descrpt in eV.
    in_deriv
        [nframes, nloc * nnei * 12], ``descrpt_deriv`` of `prod_env_mat_a`.
    rij
        [nframes, nloc * nnei * 3] in Å, of `prod_env_mat_a`.
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
    """
    return Virial(
        *load().prod_virial_se_a(net_deriv, in_deriv, rij, nlist, natoms, n_a_sel=n_a_sel, n_r_sel=n_r_sel, name=name)
    )


def register(module: ModuleType) -> None:
    """Register the gradients: the op is a linear map of ``net_deriv`` and ``ProdVirialSeAGrad`` is its transpose.

    ``in_deriv`` and ``rij`` come from an op that has no gradient, so none is given for them.
    """
    import tensorflow as tf

    @tf.RegisterGradient("ProdVirialSeA")
    def _virial_gradient(op, grad, grad_atom):
        """Map dL/d virial [nframes, 9] and dL/d atom_virial [nframes, nall * 9] to dL/d net_deriv."""
        _, in_deriv, rij, nlist, natoms = op.inputs
        attributes = {name: op.get_attr(name) for name in ("n_a_sel", "n_r_sel")}
        grad_net = module.prod_virial_se_a_grad(grad, grad_atom, in_deriv, rij, nlist, natoms, **attributes)
        return [grad_net, None, None, None, None]

    @tf.RegisterGradient("ProdVirialSeAGrad")
    def _virial_second_gradient(op, grad):
        """Map dL/d grad_net [nframes, nloc * nnei * 4] to dL/d grad [nframes, 9] and dL/d grad_atom."""
        _, _, in_deriv, rij, nlist, natoms = op.inputs
        attributes = {name: op.get_attr(name) for name in ("n_a_sel", "n_r_sel")}
        virial = module.prod_virial_se_a(grad, in_deriv, rij, nlist, natoms, **attributes)
        return [virial.virial, virial.atom_virial, None, None, None, None]
