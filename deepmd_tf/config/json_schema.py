"""JSON schema of the input file, for validation and completion in editors.

dargs generates the structure (sections, variants, aliases, required keys). This module adds items of lists, choices,
limits and the rule against unknown keys from the same declarations.
"""

from __future__ import annotations

from typing import Any

from dargs.json_schema import generate_json_schema

from deepmd_tf.config import unsupported
from deepmd_tf.config.arguments import arguments
from deepmd_tf.config.fields import Key, keys_of
from deepmd_tf.config.kinds import alternatives, item_of
from deepmd_tf.config.root import Config

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}


def json_schema() -> dict[str, Any]:
    """Return a JSON schema (draft 2020-12) of the input file."""
    schema = generate_json_schema(arguments())
    schema.pop("$id", None)
    schema["title"] = "Input of dp train"
    _refine(schema, Config, "", None)
    _close(schema, "additionalProperties")
    return schema


def _close(node: dict[str, Any], keyword: str) -> None:
    """Refuse keys that are not listed, except comments."""
    node["patternProperties"] = {"^_": {}}
    node[keyword] = False


def _refine(node: dict[str, Any], section: type, path: str, tag: str | None) -> None:
    properties = node["properties"]
    for name, harmless in unsupported.harmless_values(path).items():
        properties[name] = {"description": "Not supported yet."}
        if harmless is not None:
            properties[name]["enum"] = harmless
    for key in keys_of(section, tag):
        for spelling in (key.name, *key.option.alias):
            if spelling in properties and not (key.name == "type" and tag is not None):
                _refine_key(properties, spelling, key, f"{path}.{key.name}".lstrip("."))


def _refine_key(properties: dict[str, Any], spelling: str, key: Key, path: str) -> None:
    entry = properties[spelling]
    option = key.option
    if option.section is not None:
        _refine(entry, option.section, path, None)
        _close(entry, "additionalProperties")
    elif option.variants is not None:
        entry = entry["items"] if item_of(key.kind) is not None else entry
        if option.variants.default is None:
            entry["properties"]["type"].pop("default", None)
        for _, name, value in option.variants.modes:
            entry["properties"].setdefault(name, {"enum": []})["enum"].append(value)
        for (name, section), branch in zip(option.variants.classes.items(), entry["allOf"], strict=True):
            _refine(branch["then"], section, path, name)
        _close(entry, "unevaluatedProperties")
    else:
        kept = {word: entry[word] for word in ("description", "default") if word in entry}
        properties[spelling] = {**kept, **_value(key)}


def _value(key: Key) -> dict[str, Any]:
    option = key.option
    if option.choices:
        return {"enum": [*option.choices, *(synonym for synonym, _ in option.synonyms)]}
    limits = {word: bound for limit in option.limits for word, bound in limit.schema}
    return _kind(key.kind, limits)


def _kind(kind: Any, limits: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a kind; `limits` apply to each scalar of the matching type."""
    result: dict[str, Any] = {"type": [], **limits}
    for candidate in alternatives(kind):
        item = item_of(candidate)
        if item is None:
            result["type"].append(_TYPES[candidate])
        else:
            result["type"].append("array")
            result["items"] = _kind(item, limits)
    return result
