"""The arrays of a step have the same names and meanings whatever the system has."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.data import feed, load_system
from deepmd_tf.data.feed import FLOATS, INTEGERS

from .conftest import TYPE_MAP, write_system

VARIANTS = {
    "periodic": {},
    "open": {"periodic": False},
    "no labels": {"labels": ()},
    "everything": {"labels": ("energy", "force", "virial", "atom_ener", "fparam", "aparam")},
    "one atom": {"types": (1,)},
}


@pytest.mark.parametrize("kwargs", VARIANTS.values(), ids=VARIANTS)
def test_feed(tmp_path, kwargs):
    system = load_system(write_system(tmp_path / "s", **kwargs), TYPE_MAP)
    batch = system.frames([0, 5])
    arrays = feed(batch, system.ntypes)
    assert set(arrays) == {*FLOATS, *INTEGERS, "periodic"}
    for name, rank in FLOATS.items():
        assert (arrays[name].dtype, arrays[name].ndim) == (np.float64, rank)
    for name, rank in INTEGERS.items():
        assert (arrays[name].dtype, arrays[name].ndim) == (np.int32, rank)
    assert bool(arrays["periodic"]) == system.periodic
    assert arrays["natoms"].tolist() == [system.natoms, system.natoms, *system.atoms_per_type]
    np.testing.assert_array_equal(arrays["coord"].reshape(2, -1, 3), batch.coord)
    for name in ("energy", "force", "virial", "atom_ener", "fparam", "aparam"):
        present = name in system.labels
        assert arrays[f"has_{name}"] == present
        if present:
            np.testing.assert_array_equal(arrays[name].ravel(), getattr(batch, name).ravel())
        else:
            assert not arrays[name].any()
