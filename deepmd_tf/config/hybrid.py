"""`model.descriptor` of type `hybrid`: a concatenation of several descriptors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deepmd_tf.config.descriptor import DescriptorConfig
from deepmd_tf.config.descriptors import MEMBERS
from deepmd_tf.config.fields import option


@dataclass(frozen=True)
class HybridConfig:
    """Concatenation of several descriptors, each with its own cutoff, slots and nets."""

    type: str = option("The descriptor.")
    list: tuple[DescriptorConfig, ...] = option(
        "The descriptors; each is a table of keys like `model.descriptor` of one of the other types.", variants=MEMBERS
    )

    @property
    def members(self) -> tuple[DescriptorConfig, ...]:
        """Members of the descriptor."""
        return self.list

    def with_members(self, members: tuple[DescriptorConfig, ...]) -> HybridConfig:
        """Return the section with other members."""
        return dataclasses.replace(self, list=members)

    def place_of(self, member: int) -> str:
        """Return the path of a member in the input file."""
        return f"model.descriptor.list[{member}]"

    @property
    def rcut(self) -> float:
        """The largest cutoff (Å)."""
        return max(member.rcut for member in self.list)

    @property
    def needs_type_embedding(self) -> bool:
        """Whether a member needs a type embedding."""
        return any(member.needs_type_embedding for member in self.list)

    @property
    def zero_when_isolated(self) -> bool:
        """Whether an atom without neighbors has a descriptor of zeros."""
        return all(member.zero_when_isolated for member in self.list)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if not self.list:
            yield "list", "expected at least one descriptor, got an empty list"

    def problems_with_types(self, type_map: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that are inconsistent with the species."""
        for k, member in enumerate(self.list):
            for key, message in member.problems_with_types(type_map):
                yield f"list[{k}].{key}", message


def members_of(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the descriptors in a section `model` of an input file: those of a hybrid, or the only one."""
    descriptor = model.get("descriptor")
    members = descriptor.get("list") if isinstance(descriptor, dict) else None
    members = members if isinstance(members, list) else [descriptor]
    return [member if isinstance(member, dict) else {} for member in members]
