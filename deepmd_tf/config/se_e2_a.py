"""`model.descriptor` of type `se_e2_a` or `se_a_ebd_v2`: the two-body embedding descriptor, radial and angular."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config import names
from deepmd_tf.config.descriptor import DescriptorConfig
from deepmd_tf.config.fields import POSITIVE, option


@dataclass(frozen=True)
class SeE2AConfig(DescriptorConfig):
    """The smooth two-body descriptor built from distances and directions of the neighbors."""

    type: str = option(
        "The descriptor: `se_e2_a` (alias `se_a`), or `se_a_ebd_v2` for strip mode, in which the type embedding scales "
        "the embedding of the distance. `se_e2_a` with `tebd_input_mode` `strip` is the same as `se_a_ebd_v2`.",
        "se_e2_a",
    )
    axis_neuron: int = option(
        "Number of columns of the embedding matrix in the second factor of the descriptor.",
        4,
        limits=POSITIVE,
        alias=("n_axis_neuron",),
    )
    type_one_side: bool = option(names.TYPE_ONE_SIDE_DOC, False)

    @property
    def needs_type_embedding(self) -> bool:
        """Whether the descriptor needs a type embedding; an absent section then means its defaults."""
        return self.type == "se_a_ebd_v2"

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        yield from super().problems()
        if self.neuron and self.axis_neuron > self.neuron[-1]:
            yield "axis_neuron", f"expected at most the last entry of neuron, {self.neuron[-1]}, got {self.axis_neuron}"
