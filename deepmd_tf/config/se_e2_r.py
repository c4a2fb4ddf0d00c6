"""`model.descriptor` of type `se_e2_r` or `se_e2_r_tebd`: the radial two-body embedding descriptor."""

from __future__ import annotations

from dataclasses import dataclass

from deepmd_tf.config import names
from deepmd_tf.config.descriptor import DescriptorConfig
from deepmd_tf.config.fields import option


@dataclass(frozen=True)
class SeE2RConfig(DescriptorConfig):
    """The smooth two-body descriptor built from the distances of the neighbors."""

    type: str = option(
        "The descriptor: `se_e2_r` (alias `se_r`) with embedding nets for each species or pair of species; or "
        "`se_e2_r_tebd` with one net and the type embedding as its input.",
        "se_e2_r",
    )
    type_one_side: bool = option(names.TYPE_ONE_SIDE_DOC, False)

    @property
    def needs_type_embedding(self) -> bool:
        """Whether the descriptor needs a type embedding; an absent section then means its defaults."""
        return self.type == "se_e2_r_tebd"

    @property
    def zero_when_isolated(self) -> bool:
        """Whether an atom without neighbors has a descriptor of zeros: no, as empty slots contribute."""
        return False
