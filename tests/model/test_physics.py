"""Physics checks of every kind of model in both graphs, and gradients of every setting."""

from __future__ import annotations

import pytest

from deepmd_tf.testing import GradientChecks, PhysicsChecks, Subject

from ..models import KINDS, SETTINGS, native_potential, potential, variant_config

POTENTIALS = {"portable": potential, "native": native_potential}


def subject_of(name: str, form: str) -> Subject:
    """Return a variant in one of its graphs as a subject of the checks."""
    model = variant_config(name).model
    energies = {kind: energy for kind, energy in enumerate(model.fitting_net.atom_ener) if energy is not None}
    # DeePMD-kit defines strip mode so that an empty slot has no species, while the neighbor that left it has one.
    jumps = any(member.type == "se_a_ebd_v2" and not member.set_davg_zero for member in model.descriptor.members)
    return Subject.from_potential(
        POTENTIALS[form](name),
        types=tuple(kind for kind, slots in enumerate(model.descriptor.members[0].sel) if slots),
        single_precision="float32" in name,
        smooth=not jumps,
        isolated=energies,
    )


class TestKinds(PhysicsChecks):
    @pytest.fixture(scope="class", params=[(name, form) for name in KINDS for form in POTENTIALS], ids="-".join)
    @classmethod
    def subject(cls, request) -> Subject:
        return subject_of(*request.param)


class TestSettings(GradientChecks):
    @pytest.fixture(scope="class", params=SETTINGS)
    @classmethod
    def subject(cls, request) -> Subject:
        return subject_of(request.param, "portable")
