"""Environment rows of edges."""

import numpy as np

from deepmd_tf import _kernels
from deepmd_tf.errors import InputError


def rows(edge_vec: np.ndarray, rcut: float, rcut_smth: float, threads: int = 1) -> np.ndarray:
    """Compute the environment rows R = [s, s x/r, s y/r, s z/r] with the smooth weight s(r).

    s is 1/r below ``rcut_smth`` and goes to zero at ``rcut`` with continuous second derivative
    (J. Chem. Phys. 159, 054801).

    Parameters
    ----------
    edge_vec
        Edge vectors [nedge, 3] in Å, nonzero.
    rcut, rcut_smth
        Cutoff radius, and start of the smooth switching (Å).
    threads
        Number of threads.

    Returns
    -------
    np.ndarray
        [nedge, 4] in 1/Å.
    """
    return rows_with_derivative(edge_vec, rcut, rcut_smth, threads)[0]


def rows_with_derivative(
    edge_vec: np.ndarray, rcut: float, rcut_smth: float, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the environment rows [nedge, 4] and dR/d edge_vec [nedge, 4, 3]; parameters as for `rows`."""
    edge_vec = np.ascontiguousarray(edge_vec, dtype=np.float64)
    if edge_vec.ndim != 2 or edge_vec.shape[1] != 3:
        raise InputError(f"edge_vec: expected shape [nedge, 3], got {list(edge_vec.shape)}")
    return _kernels.environment_rows(edge_vec, float(rcut), float(rcut_smth), threads)
