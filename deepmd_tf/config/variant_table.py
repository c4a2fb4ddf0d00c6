"""Sections whose keys depend on their `type`: which types there are, and what each of them reads."""

from __future__ import annotations

import dataclasses
from typing import Any


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
