"""The keys as dargs arguments, for tools based on dargs: normalization, editors, graphical forms."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from dargs import Argument, Variant

from deepmd_tf.config.fields import Key, keys_of, leaves
from deepmd_tf.config.kinds import alternatives, convert, item_of
from deepmd_tf.config.root import Config
from deepmd_tf.config.serialize import config_to_dict
from deepmd_tf.config.variant_table import VariantTable


def arguments() -> Argument:
    """Return the whole input file as one dargs `Argument`."""
    return Argument("input", dict, sub_fields=_fields(Config, None), doc="Input of `dp train`.")


def _fields(section: type, tag: str | None) -> list[Argument]:
    """Return the keys of a section, without a key `type` that selects a variant: it is part of the `Variant`."""
    return [_argument(key) for key in keys_of(section, tag) if not (key.name == "type" and tag is not None)]


def _argument(key: Key) -> Argument:
    option = key.option
    common: dict[str, Any] = {"optional": not key.required, "alias": list(option.alias), "doc": _doc(key)}
    if not key.required:
        common["default"] = _plain(key.default)
    nullable = type(None) in alternatives(key.kind)
    if option.section is not None:
        dtype = [dict, None] if nullable else dict
        return Argument(key.name, dtype, sub_fields=_fields(option.section, None), **common)
    if option.variants is not None:
        repeat = item_of(key.kind) is not None
        return Argument(
            key.name, list if repeat else dict, sub_variants=[_variant(option.variants)], repeat=repeat, **common
        )
    return Argument(key.name, _dtypes(key.kind), extra_check=_check(key), extra_check_errmsg=_limits(key), **common)


def _variant(table: VariantTable) -> Variant:
    spellings: dict[str, list[str]] = {name: [] for name in table.classes}
    for alias, name in table.alias.items():
        spellings[name].append(alias)
    choices = [
        Argument(name, dict, sub_fields=_fields(section, name), alias=spellings[name], doc=_first_line(section))
        for name, section in table.classes.items()
    ]
    optional = table.default is not None
    default, doc = table.default or "", f"Type of the {table.noun}."
    return Variant("type", choices, optional=optional, default_tag=default, doc=doc)


def _dtypes(kind: Any) -> list[Any]:
    return [_dtype(candidate) for candidate in alternatives(kind)]


def _dtype(kind: Any) -> Any:
    item = item_of(kind)
    if item is None:
        return kind
    inner = _dtype(alternatives(item)[0])
    for candidate in alternatives(item)[1:]:
        inner = inner | _dtype(candidate)
    return list[inner]


def _check(key: Key) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        converted = convert(value, key.kind)
        converted = dict(key.option.synonyms).get(converted, converted)
        if key.option.choices and converted not in key.option.choices:
            return False
        return all(limit.holds(leaf) for limit in key.option.limits for leaf in leaves(converted))

    return holds


def _doc(key: Key) -> str:
    if not key.option.choices:
        return key.option.doc
    return f"{key.option.doc} One of {', '.join(f'`{choice}`' for choice in key.option.choices)}."


def _limits(key: Key) -> str:
    if key.option.choices:
        return f"expected one of {', '.join(key.option.choices)}"
    return " and ".join(f"expected {limit.text}" for limit in key.option.limits)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return config_to_dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _first_line(section: type) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]
