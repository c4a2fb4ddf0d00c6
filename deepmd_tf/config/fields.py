"""Declaration of a key of the input file: one dataclass field with its documentation and its limits.

The dataclasses of this package are the only place with names, types, defaults and descriptions of keys. The parser,
the reference, the JSON schema and the dargs arguments are all derived from the fields described here.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd_tf.config.variant_table import VariantTable


@dataclasses.dataclass(frozen=True)
class Limit:
    """Condition on a value beyond its type.

    `text` completes the phrase *expected ...*; `schema` is the same condition in JSON schema.
    """

    holds: Callable[[Any], bool]
    text: str
    schema: tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Option:
    """Properties of a key besides its name, type and default."""

    doc: str
    limits: tuple[Limit, ...] = ()
    choices: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, str], ...] = ()
    alias: tuple[str, ...] = ()
    only_for: tuple[str, ...] = ()
    own: bool = False  # DeePMD-kit has no such key
    section: type | None = None
    variants: VariantTable | None = None  # variants of the section, or of each item of a list of sections

    def allows(self, tag: str | None) -> bool:
        """Whether the key exists in the variant `tag` of its section."""
        return not self.only_for or tag is None or tag in self.only_for


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of a section: a dataclass field with its resolved annotation."""

    name: str
    kind: Any
    default: Any
    option: Option

    @property
    def required(self) -> bool:
        """Whether the key is required in the input file."""
        return self.default is dataclasses.MISSING


def option(
    doc: str, default: Any = dataclasses.MISSING, *, limits: tuple[Limit, ...] | Limit = (), **known: Any
) -> Any:
    """Declare a key of a configuration dataclass.

    Parameters
    ----------
    doc
        One paragraph for the reference.
    default
        The value if the key is absent; a key without default is required.
    limits
        Conditions on each number of the value (`Limit`).
    known
        The other fields of `Option`.
    """
    limits = (limits,) if isinstance(limits, Limit) else tuple(limits)
    metadata = {"option": Option(doc=doc, limits=limits, **known)}
    return dataclasses.field(default=default, metadata=metadata)


def keys_of(section: type, tag: str | None = None) -> list[Key]:
    """Return the keys of a configuration dataclass in the variant `tag`, in order."""
    kinds = typing.get_type_hints(section)
    keys = []
    for field in dataclasses.fields(section):
        known = field.metadata["option"]
        if known.allows(tag):
            keys.append(Key(field.name, kinds[field.name], field.default, known))
    return keys


def leaves(value: Any) -> Iterator[Any]:
    """Yield the scalars of a nested tuple, except None."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield value


def is_number(value: Any) -> bool:
    """Return whether a value is a number; True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


POSITIVE = Limit(lambda v: not is_number(v) or v > 0, "a positive number", (("exclusiveMinimum", 0),))
NOT_NEGATIVE = Limit(lambda v: not is_number(v) or v >= 0, "a number that is not negative", (("minimum", 0),))
AT_MOST_ONE = Limit(lambda v: not is_number(v) or v <= 1, "a number that is at most 1", (("maximum", 1),))
NOT_EMPTY = Limit(
    lambda v: not isinstance(v, str) or bool(v.strip()), "a string that is not empty", (("minLength", 1),)
)
