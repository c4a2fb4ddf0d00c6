"""The compiled TensorFlow ops; TensorFlow and the op library are loaded when an op is first asked for.

==========================  ====================================================================================
``prod_env_mat_a``          neighbors and environment matrix -> (descrpt, descrpt_deriv, rij, nlist)
``prod_env_mat_a_counted``  the same, and the largest number of neighbors of each type
``prod_force_se_a``         derivative of the energy with respect to the environment matrix -> forces
``prod_virial_se_a``        the same -> (virial, atomic virial)
``prod_*_r``                these four for the radial column of the environment matrix alone
``flat_frames``             what is fed to a frozen graph -> (frame_splits, periodic)
``neighbor_edges``          frames of any size -> edges (edge_splits, neighbor, edge_vec, max_neighbors)
``edge_rows``               edges -> normalized environment rows
``edge_force``              derivative of the energy with respect to the edges -> forces
``edge_virial``             the same -> (virial, atomic virial)
``radial_cells``            edges sorted into cells of type and distance
``contract_cells``          environment rows contracted with an embedding tabulated on cells
``pair_cells``              the cells of type and angle that pairs of neighbors lie in
``pair_moments``            moments of pairs of neighbors in cells
``dense_product``           product of two matrices
``evaluate_model``          energies, forces and virials of frames by a whole model
==========================  ====================================================================================

Each op's file states its shapes and its gradient.
"""

from deepmd_tf.ops.contraction import contract_cells
from deepmd_tf.ops.edges import edge_force, edge_rows, edge_virial, neighbor_edges
from deepmd_tf.ops.env_mat import prod_env_mat_a, prod_env_mat_a_counted, prod_env_mat_r, prod_env_mat_r_counted
from deepmd_tf.ops.evaluate import (
    DescriptorInputs,
    Evaluation,
    FittingInputs,
    FrameInputs,
    ModelOptions,
    TableInputs,
    WholeModel,
    evaluate_model,
)
from deepmd_tf.ops.feeds import flat_frames
from deepmd_tf.ops.force import prod_force_se_a, prod_force_se_r
from deepmd_tf.ops.gemm import dense_product
from deepmd_tf.ops.library import load
from deepmd_tf.ops.messages import op_message
from deepmd_tf.ops.pairs import PairCells, PairEdges, every_pair_cell, pair_cells, pair_moments
from deepmd_tf.ops.panels import Panels
from deepmd_tf.ops.radial_cells import RadialCells, every_cell, radial_cells
from deepmd_tf.ops.virial import prod_virial_se_a, prod_virial_se_r

__all__ = [
    "DescriptorInputs",
    "Evaluation",
    "FittingInputs",
    "FrameInputs",
    "ModelOptions",
    "PairCells",
    "PairEdges",
    "Panels",
    "RadialCells",
    "TableInputs",
    "WholeModel",
    "contract_cells",
    "dense_product",
    "edge_force",
    "edge_rows",
    "edge_virial",
    "evaluate_model",
    "every_cell",
    "every_pair_cell",
    "flat_frames",
    "load",
    "neighbor_edges",
    "op_message",
    "pair_cells",
    "pair_moments",
    "prod_env_mat_a",
    "prod_env_mat_a_counted",
    "prod_env_mat_r",
    "prod_env_mat_r_counted",
    "prod_force_se_a",
    "prod_force_se_r",
    "prod_virial_se_a",
    "prod_virial_se_r",
    "radial_cells",
]
