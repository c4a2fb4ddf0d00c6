"""``EvaluateModel``: energies, forces and virials of a batch by a whole model, a block of centers at a time.

Edges and descriptors exist for one block only, so the memory grows with the inputs and outputs alone.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd_tf.ops.library import load, on_load

if TYPE_CHECKING:
    from tensorflow import Tensor


class FrameInputs(NamedTuple):
    """Frames, their atoms one after another.

    Attributes
    ----------
    coord
        [natoms, 3] float64 in Å; atoms may lie outside the cell.
    type
        [natoms] int32 in [0, ntypes), in any order.
    frame_splits
        [nframes + 1] int32, the first atom of each frame, and natoms.
    box
        [nframes, 9] float64 in Å, rows are the cell vectors; not read for a frame that is not periodic.
    periodic
        [nframes] bool.
    extra
        [natoms, nextra], inputs of the fitting net beside the descriptor, in its precision; nextra may be 0.
    """

    coord: "Tensor"
    type: "Tensor"
    frame_splits: "Tensor"
    box: "Tensor"
    periodic: "Tensor"
    extra: "Tensor"


class DescriptorInputs(NamedTuple):
    """Normalization, cutoff and slots of the descriptor.

    Attributes
    ----------
    avg, std_radial, std_angular
        [ntypes] float64, of the normalized environment rows, by the center's type.
    rcut, rcut_smth
        Scalars float64 in Å.
    sel
        [ntypes] int32, slots of each neighbor type. Centers may have more neighbors.
    """

    avg: "Tensor"
    std_radial: "Tensor"
    std_angular: "Tensor"
    rcut: "Tensor"
    rcut_smth: "Tensor"
    sel: "Tensor"


class TableInputs(NamedTuple):
    """The tabulated embedding. The descriptor is computed in the precision of ``table``.

    Attributes
    ----------
    lowest, unit, per_octave
        The panels of the radial axis, as in `radial_cells`; ``per_octave`` is at least 1.
    table
        [ncodes, npanels, terms, M], Chebyshev coefficients of the embedding on all panels from the first; 2 to 32
        terms. The code is the neighbor's type, or ``center type * ntypes + neighbor type``.
    empty
        [ntypes, ntypes, M], contribution of an empty slot to the radial row, by the types of center and neighbor.
    """

    lowest: "Tensor"
    unit: "Tensor"
    per_octave: "Tensor"
    table: "Tensor"
    empty: "Tensor"


class FittingInputs(NamedTuple):
    """The fitting nets, which are computed in the precision of ``first_matrix``. Lists hold net after net.

    Attributes
    ----------
    first_matrix
        [M * axis_neuron, n_1], the part of the first layer that multiplies the descriptor: of one net for all types,
        or of one for each type of center.
    extra_matrix
        [nextra, n_1], the part that multiplies ``extra``.
    first_bias
        [ntypes, n_1], the rest of the first layer, by the center's type.
    matrices, biases
        [n_k, n_k+1] and [n_k+1] of the later layers. A layer that keeps the width is residual.
    idts
        [n_k+1] of every layer, including the first; [0] for a layer without.
    final_matrix
        [n_last, 1].
    atom_bias
        [ntypes] float64 in eV.
    """

    first_matrix: Sequence
    extra_matrix: Sequence
    first_bias: "Tensor"
    matrices: Sequence
    biases: Sequence
    idts: Sequence
    final_matrix: Sequence
    atom_bias: "Tensor"


class ModelOptions(NamedTuple):
    """Attributes of the op.

    Attributes
    ----------
    one_side
        Whether the code of an edge is the neighbor's type.
    exclude_types
        Pairs of types that do not interact.
    axis_neuron
        Columns of the second factor of the descriptor.
    activation
        Activation function of the fitting net, a key of `deepmd_tf.nn.activation.ACTIVATIONS`.
    """

    one_side: bool
    exclude_types: Sequence[Sequence[int]]
    axis_neuron: int
    activation: str


class WholeModel(NamedTuple):
    """A model that `evaluate_model` computes."""

    descriptor: DescriptorInputs
    table: TableInputs
    fitting: FittingInputs
    options: ModelOptions


class Evaluation(NamedTuple):
    """Predictions for a batch.

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


INPUTS = (*FrameInputs._fields, *DescriptorInputs._fields, *TableInputs._fields, *FittingInputs._fields)
"""Names of the inputs of the op, in order."""

_LENGTHS = {
    **dict.fromkeys(("first_matrix", "extra_matrix", "final_matrix"), "NN"),
    **dict.fromkeys(("matrices", "biases"), "N"),
    "idts": "NI",
}
"""Attributes of the op that are the lengths of lists."""


def evaluate_model(frames: FrameInputs, model: WholeModel, name: str | None = None) -> Evaluation:
    """Compute energies, forces and virials of frames.

    All geometry is float64. The result does not depend on the number of threads, bit by bit. There is no gradient.

    Parameters
    ----------
    frames
        The batch.
    model
        The model.
    name
        Name of the op in a graph.

    Returns
    -------
    Evaluation
        Two atoms at one position, and atoms nearer than the table reaches, are an InvalidArgumentError that names them.
    """
    options = model.options._asdict()
    options["exclude_types"] = [int(index) for pair in model.options.exclude_types for index in pair]
    inputs = (*frames, *model.descriptor, *model.table, *model.fitting)
    return Evaluation(*load().evaluate_model(*inputs, **options, name=name))


def node_inputs(node: Any) -> dict[str, list[str]]:
    """Return the names of the tensors of every input of a node ``EvaluateModel`` of a graph.

    Parameters
    ----------
    node
        NodeDef.
    """
    tensors = iter(node.input)
    return {
        name: [next(tensors) for _ in range(node.attr[_LENGTHS[name]].i if name in _LENGTHS else 1)] for name in INPUTS
    }


@on_load
def register(module: ModuleType) -> None:
    """Declare that the op has no gradient."""
    import tensorflow as tf

    tf.no_gradient("EvaluateModel")
