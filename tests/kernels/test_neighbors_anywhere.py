"""The search in any cell that Hypothesis thinks of, and beside that of ASE; neither is there on a machine for GPUs."""

import numpy as np
import pytest

from . import oracle
from .systems import FRAMES, Frame
from .test_neighbors import as_edges, assert_same_edges, search

ase = pytest.importorskip("ase")
neighborlist = pytest.importorskip("ase.neighborlist")
hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")
npst = pytest.importorskip("hypothesis.extra.numpy")

pytestmark = pytest.mark.usefixtures("on_device")


@pytest.mark.parametrize("name", ["triclinic", "slab", "tiny_cell", "outside", "cluster", "dense"])
def test_equals_ase(name):
    frame = FRAMES[name]
    atoms = ase.Atoms(numbers=frame.type + 1, positions=frame.coord, cell=frame.cell, pbc=frame.pbc)
    i, j, vec = neighborlist.neighbor_list("ijD", atoms, frame.rcut)
    assert_same_edges(as_edges(*search(frame)), np.column_stack([i, j, vec]))


@hypothesis.given(
    coord=npst.arrays(float, st.tuples(st.integers(0, 9), st.just(3)), elements=st.floats(-30, 30, width=32)),
    cell=npst.arrays(float, (3, 3), elements=st.floats(-9, 9, width=16)),
    pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    rcut=st.floats(0.5, 5.0),
)
def test_any_cell(coord, cell, pbc, rcut):
    vectors = cell[list(pbc)]
    if len(vectors):
        lengths = np.linalg.norm(np.linalg.pinv(vectors), axis=0)
        hypothesis.assume(np.linalg.matrix_rank(vectors, tol=1e-3) == len(vectors) and (lengths < 1 / 0.7).all())
    frame = Frame(coord, np.arange(len(coord), dtype=np.int32) % 2, cell, pbc, rcut)
    expected = oracle.edges(frame)
    # Rounding decides who is a neighbor at the cutoff itself.
    shell = np.linalg.norm(oracle.edges(Frame(coord, frame.type, cell, pbc, rcut + 1e-6))[:, 2:], axis=1)
    hypothesis.assume(not (np.abs(shell - rcut) < 1e-6).any())
    assert_same_edges(as_edges(*search(frame)), expected)
