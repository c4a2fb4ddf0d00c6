"""Ops on edges: their search, their environment rows, and the forces and virials that they add up to.

The geometry of a batch is flat: the atoms of all frames one after another, ``frame_splits`` [nframes + 1] int32 says
where the atoms of each frame begin. The edges of a batch are compressed rows: those of center ``i``, which is atom
``i``, are ``edge_splits[i] : edge_splits[i + 1]``.
"""

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load, on_load

if TYPE_CHECKING:
    from tensorflow import Tensor


class Edges(NamedTuple):
    """The neighbors of every center, sorted by the neighbor's type, then distance, then index.

    Attributes
    ----------
    edge_splits
        [ncenters + 1] int64.
    neighbor
        [nedge] int32, index of the neighbor among all atoms of the batch; of the real atom, where the neighbor is a
        periodic image.
    edge_vec
        [nedge, 3] float64, r_j + shift - r_i in Å.
    max_neighbors
        [ntypes] int32, the largest number of neighbors of each type that any center has.
    """

    edge_splits: "Tensor"
    neighbor: "Tensor"
    edge_vec: "Tensor"
    max_neighbors: "Tensor"


class EdgeVirial(NamedTuple):
    """The virial of each frame and how it is divided among atoms.

    Attributes
    ----------
    virial
        [nframes, 9] in eV, -sum dE/dr (x) r, rows are the components of dE/dr; pressure = trace / 3V.
    atom_virial
        [natoms, 9] in eV; sums to ``virial`` over the atoms of a frame.
    """

    virial: "Tensor"
    atom_virial: "Tensor"


def neighbor_edges(coord, type, frame_splits, box, periodic, rcut, ntypes: int, name=None) -> Edges:
    """Find the neighbors at r < rcut of every atom in its frame.

    The outputs have no gradient: forces and virials are functions of dE/d edge_vec, by `edge_force` and `edge_virial`.

    Parameters
    ----------
    coord
        [natoms, 3] float64 in Å; atoms may lie outside the cell.
    type
        [natoms] int32 in [0, ntypes), in any order.
    frame_splits
        [nframes + 1] int32.
    box
        [nframes, 9] float64 in Å, rows are the cell vectors; not read for a frame that is not periodic. A cell may be
        smaller than ``rcut``.
    periodic
        [nframes] bool.
    rcut
        Scalar float64, Å.
    ntypes
        Number of types.
    name
        Of the op in a graph.
    """
    return Edges(*load().neighbor_edges(coord, type, frame_splits, box, periodic, rcut, ntypes=ntypes, name=name))


def edge_rows(edge_vec, edge_splits, type, avg, std_radial, std_angular, rcut, rcut_smth, name=None) -> "Tensor":
    """Compute the normalized environment rows ``[(s - avg) / std_radial, s x/r / std_angular, ...]`` of edges.

    Differentiable with respect to ``edge_vec``; that derivative is differentiable with respect to what comes in, but
    not with respect to ``edge_vec`` again, because coordinates are constants in training.

    Parameters
    ----------
    edge_vec
        [nedge, 3] float64 in Å, none of them zero.
    edge_splits
        [ncenters + 1] int64.
    type
        [natoms] int32 in [0, ntypes), natoms >= ncenters.
    avg, std_radial, std_angular
        [ntypes] float64 in 1/Å, by the type of the center.
    rcut, rcut_smth
        Scalars float64: where the smooth weight reaches zero, and where it begins to fall, Å.
    name
        Of the op in a graph.

    Returns
    -------
    Tensor
        [nedge, 4].
    """
    return load().edge_rows(edge_vec, edge_splits, type, avg, std_radial, std_angular, rcut, rcut_smth, name=name)


def edge_force(edge_grad, edge_splits, neighbor, natoms, name=None) -> "Tensor":
    """Sum the forces on all atoms; with ``g`` the gradient of an edge, ``F_i += g`` and ``F_j -= g``.

    Parameters
    ----------
    edge_grad
        [nedge, 3] float64, dE/d edge_vec in eV/Å.
    edge_splits
        [ncenters + 1] int64.
    neighbor
        [nedge] int32 in [0, natoms).
    natoms
        Scalar int32, at least ncenters.
    name
        Of the op in a graph.

    Returns
    -------
    Tensor
        [natoms, 3] in eV/Å. The sum does not depend on the number of threads.
    """
    return load().edge_force(edge_grad, edge_splits, neighbor, natoms, name=name)


def edge_virial(edge_grad, edge_vec, edge_splits, neighbor, frame_splits, name=None) -> EdgeVirial:
    """Sum the virials; with ``g`` the gradient of an edge, the edge adds ``-g (x) edge_vec`` to its neighbor.

    Parameters
    ----------
    edge_grad
        [nedge, 3] float64, dE/d edge_vec in eV/Å.
    edge_vec
        [nedge, 3] float64 in Å. No gradient is given for it: coordinates are constants in training.
    edge_splits
        [ncenters + 1] int64.
    neighbor
        [nedge] int32, an atom of the center's frame.
    frame_splits
        [nframes + 1] int32, ends at natoms; where there are ghosts, [0, natoms].
    name
        Of the op in a graph.
    """
    return EdgeVirial(*load().edge_virial(edge_grad, edge_vec, edge_splits, neighbor, frame_splits, name=name))


@on_load
def register(module: ModuleType) -> None:
    """Register the gradients of the ops on edges; the search has none."""
    import tensorflow as tf

    tf.no_gradient("NeighborEdges")
    _register_rows(module)
    _register_force(module)
    _register_virial(module)


def _register_rows(module: ModuleType) -> None:
    """``EdgeRowsGrad`` and ``EdgeRowsTangent`` are transposes of each other as linear maps of their first input.

    Their derivatives with respect to ``edge_vec`` are not given: coordinates are constants in training.
    """
    import tensorflow as tf

    @tf.RegisterGradient("EdgeRows")
    def _rows_gradient(op, grad):
        """Map dL/d rows [nedge, 4] to dL/d edge_vec [nedge, 3]."""
        return [module.edge_rows_grad(grad, *op.inputs)] + [None] * 7

    @tf.RegisterGradient("EdgeRowsGrad")
    def _rows_second_gradient(op, grad):
        """Map dL/d edge_grad [nedge, 3] to dL/d rows_grad [nedge, 4]."""
        return [module.edge_rows_tangent(grad, *op.inputs[1:])] + [None] * 8

    @tf.RegisterGradient("EdgeRowsTangent")
    def _tangent_gradient(op, grad):
        """Map dL/d rows_tangent [nedge, 4] to dL/d v [nedge, 3]."""
        return [module.edge_rows_grad(grad, *op.inputs[1:])] + [None] * 8


def _register_force(module: ModuleType) -> None:
    """``EdgeForce`` is linear and ``EdgeForceGrad`` is its transpose."""
    import tensorflow as tf

    @tf.RegisterGradient("EdgeForce")
    def _force_gradient(op, grad):
        """Map dL/d force [natoms, 3] to dL/d edge_grad [nedge, 3]."""
        return [module.edge_force_grad(grad, *op.inputs[1:]), None, None, None]

    @tf.RegisterGradient("EdgeForceGrad")
    def _force_second_gradient(op, grad):
        """Map dL/d edge_grad [nedge, 3] to dL/d grad [natoms, 3]."""
        return [module.edge_force(grad, *op.inputs[1:]), None, None, None]


def _register_virial(module: ModuleType) -> None:
    """``EdgeVirial`` is a linear map of ``edge_grad`` and ``EdgeVirialGrad`` is its transpose."""
    import tensorflow as tf

    @tf.RegisterGradient("EdgeVirial")
    def _virial_gradient(op, grad, grad_atom):
        """Map dL/d virial [nframes, 9] and dL/d atom_virial [natoms, 9] to dL/d edge_grad [nedge, 3]."""
        return [module.edge_virial_grad(grad, grad_atom, *op.inputs[1:]), None, None, None, None]

    @tf.RegisterGradient("EdgeVirialGrad")
    def _virial_second_gradient(op, grad):
        """Map dL/d edge_grad [nedge, 3] to dL/d grad [nframes, 9] and dL/d grad_atom [natoms, 9]."""
        virial = module.edge_virial(grad, *op.inputs[2:])
        return [virial.virial, virial.atom_virial, None, None, None, None]
