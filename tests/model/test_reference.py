"""The graph's energies and descriptors are those of the definition, written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from .. import reference
from ..frames import make_frame
from ..models import VARIANTS, potential, variant_config, variant_values


@pytest.mark.parametrize("shape", ["triclinic", "small", "open"])
@pytest.mark.parametrize("name", VARIANTS)
def test_equals_definition(name, shape):
    config, values = variant_config(name), variant_values(name)
    frame = make_frame(shape, config=config)
    dp = potential(name)
    arguments = (frame.coord[None], None if frame.cell is None else frame.cell[None], frame.types)
    tolerance = 3e-6 if "float32" in name else 1e-12

    descriptor = dp.eval_descriptor(*arguments, frame.fparam, frame.aparam)[0]
    expected = reference.descriptors(config.model, values, frame.coord, frame.cell, frame.types)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(descriptor, expected, rtol=0, atol=tolerance * scale)

    energy, _, _, atom_energy, _ = dp.eval(*arguments, frame.fparam, frame.aparam, atomic=True)
    expected = reference.atomic_energies(
        config.model, values, frame.coord, frame.cell, frame.types, frame.fparam, frame.aparam
    )
    np.testing.assert_allclose(atom_energy[0, :, 0], expected, rtol=0, atol=10 * tolerance)
    assert energy[0, 0] == pytest.approx(expected.sum(), abs=50 * tolerance)
    if config.model.type_embedding is not None:
        np.testing.assert_allclose(
            dp.eval_typeebd(), reference.type_embedding(config.model, values), rtol=0, atol=tolerance
        )
