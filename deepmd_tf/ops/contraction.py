"""``ContractCells``: environment rows contracted with an embedding that is a polynomial of s on every cell.

For the edges j of center i, with R_j their row, s_j its first column, and u_j in [-1, 1] the place of s_j in its cell,

    G_j = sum_k table[cell of j, k] T_k(u_j),    t_i = sum_j R_j (x) G_j

where T_k are Chebyshev polynomials.
"""

from types import ModuleType
from typing import TYPE_CHECKING

from deepmd_tf.ops.library import load, on_load
from deepmd_tf.ops.radial_cells import RadialCells

if TYPE_CHECKING:
    from tensorflow import Tensor


def contract_cells(table, rows, cells: RadialCells) -> "Tensor":
    """Sum over the edges of every center of their rows times their embedding.

    Parameters
    ----------
    table
        [ncell, terms, M], Chebyshev coefficients of the embedding on every cell, float32 or float64; 2 to 32 terms.
    rows
        [nedge, 4] float64.
    cells
        Cells of the same rows.

    Returns
    -------
    Tensor
        t [ncenters, 4, M]. Independent of the number of threads, bit by bit.
    """
    return load().contract_cells(
        table,
        rows,
        cells.cell_start,
        cells.cell_width,
        cells.run_splits,
        cells.run_edges,
        cells.run_cell,
        cells.run_center,
        cells.cell_splits,
        cells.cell_runs,
    )


@on_load
def register(module: ModuleType) -> None:
    """Register the gradients.

    The derivative with respect to the rows has itself derivatives with respect to t_grad (the tangent of t) and to the
    table, so that forces train the table. There is no second derivative with respect to the rows, because coordinates
    are constants in training.
    """
    import tensorflow as tf

    tf.no_gradient("RadialCells")

    @tf.RegisterGradient("ContractCells")
    def _gradient(op, t_grad):
        """Map dL/dt [ncenters, 4, M] to dL/d table [ncell, terms, M] and dL/d rows [nedge, 4]."""
        table, *geometry = op.inputs
        to_table = module.contract_cells_grad_table(t_grad, *geometry, terms=table.shape[1])
        return [to_table, module.contract_cells_grad_rows(t_grad, table, *geometry), *[None] * 8]

    @tf.RegisterGradient("ContractCellsGradRows")
    def _second_gradient(op, v):
        """Map dL/d rows_grad [nedge, 4] to dL/d t_grad [ncenters, 4, M] and dL/d table [ncell, terms, M]."""
        t_grad, table, *geometry = op.inputs
        tangent = module.contract_cells_tangent(v, table, *geometry)
        to_table = module.contract_cells_tangent_grad_table(t_grad, v, *geometry, terms=table.shape[1])
        return [tangent, to_table, *[None] * 9]
