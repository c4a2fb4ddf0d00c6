"""``DenseProduct``: the product of two matrices, compiled for several instruction sets.

TensorFlow's MatMul reaches about half of the processor's peak in float64.
"""

from types import ModuleType
from typing import TYPE_CHECKING

from deepmd_tf.ops.library import load, on_load

if TYPE_CHECKING:
    from tensorflow import Tensor


def dense_product(a, b, *, transpose_a: bool = False, transpose_b: bool = False) -> "Tensor":
    """Multiply matrices.

    Parameters
    ----------
    a, b
        [m, k] and [k, n], both float32 or both float64.
    transpose_a, transpose_b
        Whether the transpose of `a` [k, m] or `b` [n, k] is given.

    Returns
    -------
    Tensor
        [m, n]. Independent of the number of threads, bit by bit.
    """
    return load().dense_product(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


@on_load
def register(module: ModuleType) -> None:
    """Register the gradient, which is made of two products and so is differentiable again."""
    import tensorflow as tf

    @tf.RegisterGradient("DenseProduct")
    def _gradient(op, grad):
        """Map dL/dc [m, n] to dL/da and dL/db, for c = A B with A, B = a, b or their transposes."""
        a, b = op.inputs
        product, ta, tb = module.dense_product, op.get_attr("transpose_a"), op.get_attr("transpose_b")
        if ta:
            a_grad = product(b, grad, transpose_a=tb, transpose_b=True)
        else:
            a_grad = product(grad, b, transpose_b=not tb)
        if tb:
            b_grad = product(grad, a, transpose_a=True, transpose_b=ta)
        else:
            b_grad = product(a, grad, transpose_a=not ta)
        return [a_grad, b_grad]
