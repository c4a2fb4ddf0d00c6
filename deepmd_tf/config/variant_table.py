"""Sections with keys that depend on their `type`: the types and their dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class VariantTable:
    """Types of a section.

    Attributes
    ----------
    noun
        Name of the section, for messages.
    classes
        Dataclass of each type.
    default
        Type if the key `type` is absent; None if the key is required.
    alias
        Other spellings of a type.
    later
        Types of DeePMD-kit's format that are not supported yet.
    modes
        Types with a second spelling: (other type, key, value of the key) mapped to the type.
    """

    noun: str
    classes: dict[str, type]
    default: str | None = None
    alias: dict[str, str] = dataclasses.field(default_factory=dict)
    later: frozenset[str] = frozenset()
    modes: dict[tuple[str, str, str], str] = dataclasses.field(default_factory=dict)

    def respelled(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a section with a spelling of `modes` replaced by its type."""
        tag = data.get("type", self.default)
        given = self.alias.get(tag, tag) if isinstance(tag, str) else tag
        for (name, key, value), meant in self.modes.items():
            if given == name and data.get(key) == value:
                return {**{k: v for k, v in data.items() if k != key}, "type": meant}
        return data
