"""The reference of the input file, in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from dargs import Argument, Variant

from deepmd_tf.config import unsupported
from deepmd_tf.config.arguments import arguments

_INTRODUCTION = """\
# Input of `dp train`

The input file is JSON, or YAML when its name ends in `.yaml` or `.yml`. Keys that start with `_` are comments. A key
without a default is required. Units: length Å, energy eV, force eV/Å, virial eV. An editor that understands JSON
schemas can check and complete the file; `deepmd_tf.config.json_schema()` returns the schema.

A complete input; all other keys have their defaults:

```json
{
  "model": {
    "type_map": ["O", "H"],
    "type_embedding": {},
    "descriptor": {"type": "se_e2_a", "sel": [46, 92]},
    "fitting_net": {}
  },
  "training": {
    "training_data": {"systems": ["data_0", "data_1"]},
    "validation_data": {"systems": ["data_2"]},
    "numb_steps": 100000
  }
}
```
"""

_LATER = """\
## Keys that are not supported yet

These keys belong to the input format of DeePMD-kit. The listed values have no effect and are accepted; any other value
is an error.

| key | accepted |
|---|---|
"""

_NAMES = {int: "int", float: "float", bool: "bool", str: "str", type(None): "null"}


def doc_train_input() -> str:
    """Return the reference of all keys: type, default, aliases and meaning."""
    parts = [_INTRODUCTION]
    for argument in arguments().sub_fields.values():
        parts.extend(_section(argument, argument.name))
    parts.append(_LATER + "".join(_later_rows()))
    return "\n".join(parts).rstrip("\n")


def _section(argument: Argument, path: str) -> Iterator[str]:
    yield f"{'#' * min(2 + path.count('.'), 4)} `{path}`\n"
    yield f"{argument.doc}{'' if argument.optional else ' Required.'}\n"
    yield from _keys(argument, path)
    for variant in argument.sub_variants.values():
        yield from _variant(variant, path)


def _keys(argument: Argument, path: str) -> Iterator[str]:
    """Yield the list of plain keys of a section, then its subsections."""
    fields = argument.sub_fields.values()
    plain = [field for field in fields if dict not in field.dtype]
    if plain:
        yield "".join(_key(field) for field in plain)
    for field in fields:
        if dict in field.dtype:
            yield from _section(field, f"{path}.{field.name}")


def _variant(variant: Variant, path: str) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in variant.choice_dict)
    default = f", default `{variant.default_tag}`" if variant.default_tag else ", required"
    yield f"- **`type`** (str{default}): {variant.doc} One of {names}.\n"
    for name, choice in variant.choice_dict.items():
        aliases = [f"`{alias}`" for alias, target in variant.choice_alias.items() if target == name]
        also = f" (alias {', '.join(aliases)})" if aliases else ""
        yield f"#### `{path}` of type `{name}`{also}\n"
        yield f"{choice.doc}\n"
        yield from _keys(choice, path)


def _key(argument: Argument) -> str:
    facts = [_types(argument.dtype)]
    facts.append(f"default `{json.dumps(argument.default)}`" if argument.optional else "required")
    if argument.alias:
        facts.append(f"alias {', '.join(f'`{alias}`' for alias in argument.alias)}")
    return f"- **`{argument.name}`** ({', '.join(facts)}): {argument.doc}\n"


def _type(kind: Any) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    if kind is list:
        return "list of tables"
    (item,) = get_args(kind)
    members = get_args(item) if item not in _NAMES and get_origin(item) is not list else (item,)
    return f"list of {_types(members)}"


def _types(kinds: Iterable[Any]) -> str:
    """Return the names of the members of a union in a fixed order; dargs stores them as a set."""
    return " or ".join(sorted((_type(kind) for kind in kinds), key=lambda name: (name == "null", "list" in name, name)))


def _later_rows() -> Iterator[str]:
    for path, key, values in unsupported.entries():
        accepted = "any value" if values is None else ", ".join(f"`{json.dumps(value)}`" for value in values)
        yield f"| `{f'{path}.{key}'.lstrip('.')}` | {accepted or 'none'} |\n"
