"""Sections whose keys depend on their `type`: which types there are, and what each of them reads.

A new descriptor or fitting is a file with its dataclass and one entry in the table of its kind.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from deepmd_tf.config.energy_fitting import EnergyFittingConfig
from deepmd_tf.config.learning_rate import LearningRateConfig
from deepmd_tf.config.loss import LossConfig
from deepmd_tf.config.se_e2_a import SeE2AConfig
from deepmd_tf.config.se_e2_r import SeE2RConfig
from deepmd_tf.config.se_e3 import SeE3Config


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
    modes
        Types that are also written as another type with a key that has some value: (type, key, value) and the type.
    """

    noun: str
    classes: dict[str, type]
    default: str | None = None
    alias: dict[str, str] = dataclasses.field(default_factory=dict)
    later: frozenset[str] = frozenset()
    modes: dict[tuple[str, str, str], str] = dataclasses.field(default_factory=dict)

    def respelled(self, data: dict[str, Any]) -> dict[str, Any]:
        """Write a section that uses one of `modes` with the type that it means."""
        tag = data.get("type", self.default)
        given = self.alias.get(tag, tag) if isinstance(tag, str) else tag
        for (name, key, value), meant in self.modes.items():
            if given == name and data.get(key) == value:
                return {**{k: v for k, v in data.items() if k != key}, "type": meant}
        return data


DESCRIPTORS = VariantTable(
    noun="descriptor",
    classes={
        "se_e2_a": SeE2AConfig,
        "se_a_ebd_v2": SeE2AConfig,
        "se_e2_r": SeE2RConfig,
        "se_e3": SeE3Config,
        "se_e3_tebd": SeE3Config,
    },
    alias={
        "se_a": "se_e2_a",
        "se_a_tpe_v2": "se_a_ebd_v2",
        "se_r": "se_e2_r",
        "se_at": "se_e3",
        "se_a_3be": "se_e3",
        "se_t": "se_e3",
    },
    modes={
        ("se_e2_a", "tebd_input_mode", "concat"): "se_e2_a",
        ("se_e2_a", "tebd_input_mode", "strip"): "se_a_ebd_v2",
    },
    later=frozenset(
        "se_a_tpe se_a_ebd se_a_mask "
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
