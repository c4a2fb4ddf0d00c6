"""`model.descriptor` of type `se_e3` or `se_e3_tebd`: the three-body embedding descriptor."""

from __future__ import annotations

from dataclasses import dataclass

from deepmd_tf.config.descriptor import DescriptorConfig
from deepmd_tf.config.fields import option


@dataclass(frozen=True)
class SeE3Config(DescriptorConfig):
    """The smooth three-body descriptor built from the angles between pairs of neighbors."""

    type: str = option(
        "The descriptor: `se_e3` (aliases `se_at`, `se_a_3be`, `se_t`) with an embedding net for each pair of species "
        "of the neighbors; or `se_e3_tebd` with one net and the type embedding as its input.",
        "se_e3",
    )

    @property
    def needs_type_embedding(self) -> bool:
        """Whether the descriptor needs a type embedding; an absent section then means its defaults."""
        return self.type == "se_e3_tebd"

    @property
    def zero_when_isolated(self) -> bool:
        """Whether an atom without neighbors has a descriptor of zeros: always, because it has no pairs of neighbors."""
        return True
