"""`model.descriptor` of type `se_e2_r` or `se_e2_r_tebd`: the two-body embedding descriptor of distances alone."""

from __future__ import annotations

from dataclasses import dataclass

from deepmd_tf.config import names
from deepmd_tf.config.descriptor import DescriptorConfig
from deepmd_tf.config.fields import option


@dataclass(frozen=True)
class SeE2RConfig(DescriptorConfig):
    """The smooth two-body descriptor built from distances of the neighbors alone."""

    type: str = option(
        "The descriptor: `se_e2_r` (alias `se_r`) with embedding nets for each species or pair of species; or "
        "`se_e2_r_tebd` with one net and the type embedding as its input.",
        "se_e2_r",
    )
    type_one_side: bool = option(names.TYPE_ONE_SIDE_DOC, False)

    @property
    def needs_type_embedding(self) -> bool:
        """Whether it cannot be had without one, so that an absent section means its defaults."""
        return self.type == "se_e2_r_tebd"

    @property
    def zero_when_isolated(self) -> bool:
        """Whether the descriptor of an isolated atom is zero: not where empty slots are summed over unweighted."""
        return False
