"""Tables of the sections with keys that depend on their `type`.

A new descriptor or fitting is a file with its dataclass and one entry in the table of its kind.
"""

from __future__ import annotations

import dataclasses

from deepmd_tf.config.descriptors import MEMBERS
from deepmd_tf.config.energy_fitting import EnergyFittingConfig
from deepmd_tf.config.hybrid import HybridConfig
from deepmd_tf.config.learning_rate import LearningRateConfig
from deepmd_tf.config.loss import LossConfig
from deepmd_tf.config.optimizer import AdamConfig, AdamWConfig, SoapConfig
from deepmd_tf.config.variant_table import VariantTable

DESCRIPTORS = dataclasses.replace(MEMBERS, classes={**MEMBERS.classes, "hybrid": HybridConfig})
FITTINGS = VariantTable(
    noun="fitting net",
    classes={"ener": EnergyFittingConfig},
    default="ener",
    later=frozenset("dipole polar dos property population dpa4_ener sezm_ener".split()),
)
LEARNING_RATES = VariantTable(
    noun="schedule",
    classes={"exp": LearningRateConfig, "cosine": LearningRateConfig, "wsd": LearningRateConfig},
    default="exp",
)
LOSSES = VariantTable(
    noun="loss",
    classes={"ener": LossConfig},
    default="ener",
    later=frozenset("ener_hess ener_spin dens dos tensor property population".split()),
)
OPTIMIZERS = VariantTable(
    noun="optimizer",
    classes={"Adam": AdamConfig, "AdamW": AdamWConfig, "SOAP": SoapConfig},
    default="Adam",
    later=frozenset("LKF AdaMuon HybridMuon Muon".split()),
)
