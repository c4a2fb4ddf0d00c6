import subprocess
import sys

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.geometry import environment

from ..kernels import oracle


def test_rows(rng):
    edge_vec = rng.normal(size=(50, 3)) * 3
    np.testing.assert_allclose(
        environment.rows(edge_vec, 6.0, 0.5), oracle.rows(edge_vec, 6.0, 0.5), rtol=1e-11, atol=1e-13
    )
    rows, derivative = environment.rows_with_derivative(edge_vec, 6.0, 0.5)
    assert rows.shape == (50, 4) and derivative.shape == (50, 4, 3)


def test_strides(rng):
    edge_vec = rng.normal(size=(20, 6)).astype(np.float32)[:, ::2]
    np.testing.assert_array_equal(
        environment.rows(edge_vec, 6.0, 0.5), environment.rows(np.ascontiguousarray(edge_vec, dtype=float), 6.0, 0.5)
    )


def test_unusable_input():
    with pytest.raises(InputError, match=r"edge_vec: expected shape \[nedge, 3\], got \[3\]"):
        environment.rows(np.zeros(3), 6.0, 0.5)
    with pytest.raises(InputError, match="edge 0"):
        environment.rows(np.zeros((1, 3)), 6.0, 0.5)
    with pytest.raises(InputError, match="rcut_smth"):
        environment.rows(np.ones((1, 3)), 1.0, 2.0)


def test_geometry_does_not_import_tensorflow():
    code = "import sys, deepmd_tf.geometry, deepmd_tf.ops; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
