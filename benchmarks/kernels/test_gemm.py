"""Matrix products of the fitting net's first layer: forward, and gradients of descriptor and weights."""

import numpy as np
import pytest

from deepmd_tf import _kernels

DESCRIPTOR, NEURON = 1600, 240


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("product", ["forward", "to the descriptor", "to the weights"])
def test_product(benchmark, frame, threads, product, dtype):
    rng = np.random.default_rng(1)
    x, w, y = (
        rng.normal(size=shape).astype(dtype)
        for shape in ((frame.natoms, DESCRIPTOR), (DESCRIPTOR, NEURON), (frame.natoms, NEURON))
    )
    arguments = {
        "forward": (x, w, False, False),
        "to the descriptor": (y, w, False, True),
        "to the weights": (x, y, True, False),
    }[product]
    benchmark.group = f"product {product}, {frame.natoms} atoms, {np.dtype(dtype).name}"
    benchmark.extra_info["operations"] = 2 * frame.natoms * DESCRIPTOR * NEURON
    assert benchmark(_kernels.dense_product, *arguments, threads).dtype == dtype
