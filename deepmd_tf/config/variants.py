"""Sections whose keys depend on their `type`: which types there are, and what each of them reads.

A new descriptor or fitting is a file with its dataclass and one entry in the table of its kind.
"""

from __future__ import annotations

import dataclasses

from deepmd_tf.config.energy_fitting import EnergyFittingConfig
from deepmd_tf.config.learning_rate import LearningRateConfig
from deepmd_tf.config.loss import LossConfig
from deepmd_tf.config.se_e2_a import SeE2AConfig


@dataclasses.dataclass(frozen=True)
class VariantTable:
    """The types of one kind of section.

    Attributes
    ----------
    noun
        What the section is, for messages.
    classes
        The dataclass that each type reads.
    default
        The type taken when the key `type` is absent; None when it is required.
    alias
        Other spellings of a type.
    later
        Types that belong to the format and are not offered yet.
    """

    noun: str
    classes: dict[str, type]
    default: str | None = None
    alias: dict[str, str] = dataclasses.field(default_factory=dict)
    later: frozenset[str] = frozenset()


DESCRIPTORS = VariantTable(
    noun="descriptor",
    classes={"se_e2_a": SeE2AConfig},
    alias={"se_a": "se_e2_a"},
    later=frozenset(
        "se_e2_r se_r se_e3 se_at se_a_3be se_t se_e3_tebd se_a_tpe se_a_ebd se_a_ebd_v2 se_a_tpe_v2 se_a_mask "
        "se_atten se_atten_v2 dpa1 dpa2 dpa3 dpa4 DPA4 dpa4c DPA4C SeZM sezm hybrid loc_frame".split()
    ),
)
FITTINGS = VariantTable(
    noun="fitting net",
    classes={"ener": EnergyFittingConfig},
    default="ener",
    later=frozenset("dipole polar dos property population dpa4_ener sezm_ener".split()),
)
LEARNING_RATES = VariantTable(
    noun="schedule",
    classes={"exp": LearningRateConfig, "cosine": LearningRateConfig},
    default="exp",
    later=frozenset({"wsd"}),
)
LOSSES = VariantTable(
    noun="loss",
    classes={"ener": LossConfig},
    default="ener",
    later=frozenset("ener_hess ener_spin dens dos tensor property population".split()),
)
