"""Mapping of species between two models, and of the names of their parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BY_TYPE = re.compile(r"(layer_\d+|final_layer)(_type_)(\d+)(/.*)")
_BY_PAIR = re.compile(r"(filter_type_)(all|\d+)((?:_\d+)?/(?:matrix|bias|idt)_\d+)((?:_\d+)*)")


@dataclass(frozen=True)
class Species:
    """Mapping of the species of a new model to those of an old one.

    Attributes
    ----------
    source : tuple of int or None
        Type in the old model for each type of the new model; None for new species.
    """

    source: tuple[int | None, ...]

    @classmethod
    def between(cls, old: Sequence[str], new: Sequence[str]) -> Species:
        """Map species by name."""
        return cls(tuple(old.index(name) if name in old else None for name in new))

    @property
    def kept(self) -> list[int]:
        """Types of the new model that are in the old model."""
        return [k for k, each in enumerate(self.source) if each is not None]

    @property
    def new(self) -> list[int]:
        """Types of the new model that are not in the old model."""
        return [k for k, each in enumerate(self.source) if each is None]

    def rows(self, old: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """Return rows by type: those of `old` for kept species, those of `fresh` for new species."""
        result = np.array(fresh, dtype=old.dtype)
        result[self.kept] = old[[self.source[k] for k in self.kept]]
        return result

    def name_of(self, name: str) -> str | None:
        """Return the name in the old model of a parameter of the new model; None for new species."""
        if match := _BY_TYPE.fullmatch(name):
            layer, word, number, rest = match.groups()
            old = self.source[int(number)]
            return None if old is None else f"{layer}{word}{old}{rest}"
        match = _BY_PAIR.fullmatch(name)
        if match is None:
            return name
        scope, center, middle, ending = match.groups()
        types = [self.source[int(each)] for each in ending.split("_")[1:]]
        if center != "all":
            center = self.source[int(center)]
        if center is None or None in types:
            return None
        # Pairs of neighbors, two types at the end, are unordered and named with the lower type first.
        return f"{scope}{center}{middle}" + "".join(f"_{each}" for each in sorted(types))
