"""``EvaluateModel``: energies, forces and virials of a batch by a whole model, some centers at a time.

Neither edges nor descriptors of all atoms are ever held, so memory grows with the number of atoms by what is put in and
comes out alone.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from deepmd_tf.ops.library import load, on_load

if TYPE_CHECKING:
    from tensorflow import Tensor


class Evaluation(NamedTuple):
    """What a model says of a batch.

    Attributes
    ----------
    atom_energy
        [natoms] in eV.
    force
        [natoms, 3] in eV/Å.
    virial
        [nframes, 9] in eV; pressure = trace / 3V.
    atom_virial
        [natoms, 9] in eV; sums to ``virial`` over the atoms of a frame.
    max_neighbors
        [ntypes] int32, the largest number of neighbors of each type that any center has.
    """

    atom_energy: "Tensor"
    force: "Tensor"
    virial: "Tensor"
    atom_virial: "Tensor"
    max_neighbors: "Tensor"


def evaluate_model(
    coord,
    type,
    frame_splits,
    box,
    periodic,
    extra,
    avg,
    std_radial,
    std_angular,
    rcut,
    rcut_smth,
    sel,
    lowest,
    unit,
    per_octave,
    table,
    empty,
    first_matrix: Sequence,
    extra_matrix: Sequence,
    first_bias,
    matrices: Sequence,
    biases: Sequence,
    idts: Sequence,
    final_matrix: Sequence,
    atom_bias,
    *,
    one_side: bool,
    exclude_types: Sequence[Sequence[int]] = (),
    axis_neuron: int,
    activation: str,
    name=None,
) -> Evaluation:
    """Energies, forces and virials of frames.

    The descriptor is computed in the precision of ``table``, the fitting net in that of ``first_matrix``, all geometry
    in float64. The result does not depend on the number of threads, bit by bit. There is no gradient.

    Parameters
    ----------
    coord
        [natoms, 3] float64 in Å; atoms may lie outside the cell.
    type
        [natoms] int32 in [0, ntypes), in any order.
    frame_splits
        [nframes + 1] int32, where the atoms of each frame begin.
    box
        [nframes, 9] float64 in Å, rows are the cell vectors; not read for a frame that is not periodic.
    periodic
        [nframes] bool.
    extra
        [natoms, nextra], what the fitting net is given beside the descriptor, in its precision; nextra may be 0.
    avg, std_radial, std_angular
        [ntypes] float64, of the normalized environment rows, by the center's type.
    rcut, rcut_smth
        Scalars float64 in Å.
    sel
        [ntypes] int32, slots of each neighbor type. Centers may have more neighbors.
    lowest, unit, per_octave
        The panels of the radial axis, as in `radial_cells`; ``per_octave`` is at least 1.
    table
        [ncodes, npanels, terms, M], Chebyshev coefficients of the embedding on all panels from the first; 2 to 32
        terms. The code is the neighbor's type, or ``center type * ntypes + neighbor type``.
    empty
        [ntypes, ntypes, M], what an empty slot adds to the radial row, by the types of center and neighbor.
    first_matrix
        [M * axis_neuron, n_1], the part of the first layer that multiplies the descriptor: of one net for all types,
        or of one for each type of center. So the other lists, net after net.
    extra_matrix
        [nextra, n_1], the part that multiplies ``extra``.
    first_bias
        [ntypes, n_1], all the rest of it, by the center's type.
    matrices, biases
        [n_k, n_k+1] and [n_k+1] of the later layers, of which those that keep the width are residual.
    idts
        [n_k+1] of every layer, the first among them, or [0] for a layer that has none.
    final_matrix
        [n_last, 1].
    atom_bias
        [ntypes] float64 in eV.
    one_side
        Whether the code is the neighbor's type.
    exclude_types
        Pairs of types that do not interact.
    axis_neuron
        Columns of the second factor of the descriptor.
    activation
        Of the fitting net, a key of `deepmd_tf.nn.activation.ACTIVATIONS`.
    name
        Of the op in a graph.

    Returns
    -------
    Evaluation
        Two atoms at one position, and atoms so near that the table does not reach them, are an InvalidArgumentError
        that names them.
    """
    return Evaluation(
        *load().evaluate_model(
            coord,
            type,
            frame_splits,
            box,
            periodic,
            extra,
            avg,
            std_radial,
            std_angular,
            rcut,
            rcut_smth,
            sel,
            lowest,
            unit,
            per_octave,
            table,
            empty,
            first_matrix,
            extra_matrix,
            first_bias,
            matrices,
            biases,
            idts,
            final_matrix,
            atom_bias,
            one_side=one_side,
            exclude_types=[int(index) for pair in exclude_types for index in pair],
            axis_neuron=axis_neuron,
            activation=activation,
            name=name,
        )
    )


@on_load
def register(module: ModuleType) -> None:
    """Declare that the op has no gradient."""
    import tensorflow as tf

    tf.no_gradient("EvaluateModel")
