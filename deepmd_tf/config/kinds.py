"""Type annotations: conversion of JSON values, and names of types in messages."""

from __future__ import annotations

import math
import types
import typing
from typing import Any

from deepmd_tf.config.fields import is_number

_NAMES = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    str: ("a string", "strings"),
    type(None): ("null", "null"),
}


class MismatchError(Exception):
    """Value that does not match the annotation; raised by `convert` and caught by the parser."""


def alternatives(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the kind itself."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return typing.get_args(kind)
    return (kind,)


def item_of(kind: Any) -> Any | None:
    """Return X for `tuple[X, ...]`, otherwise None."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else None


def convert(value: Any, kind: Any) -> Any:
    """Convert a value from JSON or YAML to the type of a dataclass field.

    Lists become tuples. Integers become floats if a float is expected, and whole floats such as `1e6` become integers
    if an integer is expected. Any other mismatch raises `MismatchError`.
    """
    for candidate in alternatives(kind):
        try:
            return _convert_one(value, candidate)
        except MismatchError:
            continue
    raise MismatchError


def _convert_one(value: Any, kind: Any) -> Any:
    item = item_of(kind)
    if item is not None:
        if isinstance(value, (list, tuple)):
            return tuple(convert(entry, item) for entry in value)
    elif kind is type(None):
        if value is None:
            return None
    elif kind is float:
        if is_number(value) and math.isfinite(value):
            return float(value)
    elif kind is int:
        if is_number(value) and math.isfinite(value) and value == int(value):
            return int(value)
    elif isinstance(value, kind):
        return value
    raise MismatchError


def describe(kind: Any) -> str:
    """Return a description of a kind, such as `an integer or null`."""
    words = []
    for candidate in alternatives(kind):
        item = item_of(candidate)
        words.append(_NAMES[candidate][0] if item is None else f"a list of {_plural(item)}")
    return " or ".join(words)


def _plural(kind: Any) -> str:
    item = item_of(kind)
    if item is not None:
        return f"lists of {_plural(item)}"
    return " or ".join(_NAMES[candidate][1] for candidate in alternatives(kind))


def show(value: Any, width: int = 60) -> str:
    """Return a value in JSON notation for a message, cut to `width` characters."""
    if isinstance(value, str):
        text = f"the string {value!r}"
    elif value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, dict):
        return "a table of keys" if value else "an empty table"
    elif isinstance(value, tuple):
        text = str(list(value))
    else:
        text = str(value)
    return text if len(text) <= width else text[: width - 3] + "..."
