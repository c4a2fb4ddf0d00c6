"""``ProdVirialSeA``, ``ProdVirialSeR``: virials from the derivative of the energy by the environment matrix."""

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load, on_load

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
    """Sum the virials; with ``g = net_deriv . in_deriv`` of a slot, the slot adds ``g (x) rij`` to its neighbor.

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
        nnei, the number of slots of a center.
    n_r_sel
        Zero.
    name
        Of the op in a graph.
    """
    return Virial(
        *load().prod_virial_se_a(net_deriv, in_deriv, rij, nlist, natoms, n_a_sel=n_a_sel, n_r_sel=n_r_sel, name=name)
    )


def prod_virial_se_r(net_deriv, in_deriv, rij, nlist, natoms, name=None) -> Virial:
    """Do what `prod_virial_se_a` does, for the outputs of `prod_env_mat_r`, which have one column instead of four."""
    return Virial(*load().prod_virial_se_r(net_deriv, in_deriv, rij, nlist, natoms, name=name))


@on_load
def register(module: ModuleType) -> None:
    """Register the gradients: each op is a linear map of ``net_deriv``, and the op with Grad in its name the transpose.

    ``in_deriv`` and ``rij`` come from an op that has no gradient, so none is given for them.
    """
    _register("ProdVirialSeA", module.prod_virial_se_a, module.prod_virial_se_a_grad, ("n_a_sel", "n_r_sel"))
    _register("ProdVirialSeR", module.prod_virial_se_r, module.prod_virial_se_r_grad, ())


def _register(name: str, virial, virial_grad, attributes: tuple[str, ...]) -> None:
    import tensorflow as tf

    @tf.RegisterGradient(name)
    def _virial_gradient(op, grad, grad_atom):
        """Map dL/d virial [nframes, 9] and dL/d atom_virial [nframes, nall * 9] to dL/d net_deriv."""
        _, in_deriv, rij, nlist, natoms = op.inputs
        given = {attribute: op.get_attr(attribute) for attribute in attributes}
        return [virial_grad(grad, grad_atom, in_deriv, rij, nlist, natoms, **given), None, None, None, None]

    @tf.RegisterGradient(name + "Grad")
    def _virial_second_gradient(op, grad):
        """Map dL/d grad_net [nframes, nloc * nnei * columns] to dL/d grad [nframes, 9] and dL/d grad_atom."""
        _, _, in_deriv, rij, nlist, natoms = op.inputs
        given = {attribute: op.get_attr(attribute) for attribute in attributes}
        out = virial(grad, in_deriv, rij, nlist, natoms, **given)
        return [out.virial, out.atom_virial, None, None, None, None]
