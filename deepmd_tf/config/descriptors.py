"""Descriptors of the input file, alone or as members of a `hybrid`.

A new descriptor is a file with its dataclass and one entry here.
"""

from __future__ import annotations

from deepmd_tf.config.se_e2_a import SeE2AConfig
from deepmd_tf.config.se_e2_r import SeE2RConfig
from deepmd_tf.config.se_e3 import SeE3Config
from deepmd_tf.config.variant_table import VariantTable

MEMBERS = VariantTable(
    noun="descriptor",
    classes={
        "se_e2_a": SeE2AConfig,
        "se_a_ebd_v2": SeE2AConfig,
        "se_e2_r": SeE2RConfig,
        "se_e2_r_tebd": SeE2RConfig,
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
        "se_atten se_atten_v2 dpa1 dpa2 dpa3 dpa4 DPA4 dpa4c DPA4C SeZM sezm loc_frame".split()
    ),
)
