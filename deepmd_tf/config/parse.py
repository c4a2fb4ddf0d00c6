"""Conversion of plain dictionaries to the configuration dataclasses; all problems are collected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepmd_tf.config import unsupported
from deepmd_tf.config.fields import Key, Option, keys_of, leaves
from deepmd_tf.config.kinds import MismatchError, alternatives, convert, describe, item_of, show
from deepmd_tf.config.root import Config
from deepmd_tf.config.source import read_mapping
from deepmd_tf.config.suggest import did_you_mean
from deepmd_tf.config.variant_table import VariantTable
from deepmd_tf.errors import InputError


def load_config(path: str | Path) -> Config:
    """Read an input file (JSON, or YAML by its suffix).

    Raises
    ------
    InputError
        One line per problem, each with the full path of its key.
    """
    return parse_config(read_mapping(path), source=str(path))


def parse_config(data: dict[str, Any], source: str = "input") -> Config:
    """Return the configuration for a dictionary with the keys of an input file; check it and fill in the defaults."""
    parser = _Parser()
    config = parser.section(data, Config, "", None)
    if parser.problems:
        lines = "\n".join(f"  {line}" for line in parser.problems)
        if len(parser.problems) == 1:
            raise InputError(f"{source}: {parser.problems[0]}")
        raise InputError(f"{source}: {len(parser.problems)} problems\n{lines}")
    return config


_LONGEST_PATH = 200  # characters of a key's path in a message


class _Parser:
    """Parser of the input; collects messages in `problems` instead of raising."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def report(self, path: str, message: str) -> None:
        if len(path) > _LONGEST_PATH:
            path = f"{path[:_LONGEST_PATH]}..."
        line = f"{path}: {message}" if path else message
        if line not in self.problems:
            self.problems.append(line)

    def section(self, data: Any, section: type, path: str, tag: str | None) -> Any | None:
        """Read a table of keys into `section`; return None if it has a problem."""
        if not isinstance(data, dict):
            self.report(path, f"expected a table of keys, got {show(data)}")
            return None
        before = len(self.problems)
        keys = keys_of(section, tag)
        foreign = {key.name: key.option.only_for for key in keys_of(section)}
        given = self._resolve_names(data, keys, path, foreign)
        values = {}
        for key in keys:
            where = f"{path}.{key.name}".lstrip(".")
            if key.name == "type" and tag is not None:
                values["type"] = tag
            elif key.name in given:
                values[key.name] = self._value(given[key.name], key, where)
            elif key.required:
                self.report(where, "required key is missing")
        if len(self.problems) > before:
            return None
        result = section(**values)
        for name, message in result.problems():
            self.report(f"{path}.{name}".lstrip("."), message)
        return result if len(self.problems) == before else None

    def _resolve_names(
        self, data: dict[str, Any], keys: list[Key], path: str, foreign: dict[str, tuple[str, ...]]
    ) -> dict[str, Any]:
        """Return the given values by key name. Resolve aliases, drop comments and report unknown keys.

        `foreign` maps each key of the section to the types that have it.
        """
        names = {name: key.name for key in keys for name in (key.name, *key.option.alias)}
        given: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        for name, value in data.items():
            name = str(name)
            where = f"{path}.{name}".lstrip(".")
            if name.startswith("_"):
                continue
            if name in names:
                if names[name] in given:
                    self.report(where, f"the same key is also given as '{spelled[names[name]]}'; remove one")
                given[names[name]] = value
                spelled[names[name]] = name
            elif unsupported.is_known(path, name):
                message = unsupported.problem(path, name, value)
                if message:
                    self.report(where, message)
            elif name in foreign:
                self.report(where, f"belongs to the type {' or '.join(foreign[name])} only; remove the key")
            else:
                self.report(where, f"unknown key{did_you_mean(name, names)}")
        return given

    def _value(self, value: Any, key: Key, path: str) -> Any:
        option = key.option
        nullable = type(None) in alternatives(key.kind)
        if option.section is not None or option.variants is not None:
            if value is None and nullable:
                return None
            if option.section is not None:
                return self.section(value, option.section, path, None)
            if item_of(key.kind) is not None:
                return self._variants(value, option.variants, path)
            return self._variant(value, option.variants, path)
        try:
            converted = convert(value, key.kind)
        except MismatchError:
            self.report(path, f"expected {describe(key.kind)}, got {show(value)}")
            return None
        return self._limits(dict(option.synonyms).get(converted, converted), option, path)

    def _limits(self, value: Any, option: Option, path: str) -> Any:
        if option.choices and value not in option.choices:
            allowed = ", ".join(option.choices)
            self.report(path, f"expected one of {allowed}, got {show(value)}{did_you_mean(str(value), option.choices)}")
            return None
        for limit in option.limits:
            wrong = [leaf for leaf in leaves(value) if not limit.holds(leaf)]
            if wrong:
                inside = f" in {show(value)}" if isinstance(value, tuple) else ""
                self.report(path, f"expected {limit.text}, got {show(wrong[0])}{inside}")
                return None
        return value

    def _variants(self, data: Any, table: VariantTable, path: str) -> tuple[Any, ...] | None:
        if not isinstance(data, (list, tuple)):
            self.report(path, f"expected a list of tables of keys, got {show(data)}")
            return None
        return tuple(self._variant(item, table, f"{path}[{k}]") for k, item in enumerate(data))

    def _variant(self, data: Any, table: VariantTable, path: str) -> Any | None:
        if not isinstance(data, dict):
            self.report(path, f"expected a table of keys, got {show(data)}")
            return None
        where = f"{path}.type"
        data = table.respelled(data)
        tag = data.get("type", table.default)
        if tag is None and "type" not in data:
            self.report(where, f"required key is missing; expected one of {', '.join(table.classes)}")
            return None
        name = table.alias.get(tag, tag) if isinstance(tag, str) else tag
        if isinstance(name, str) and name in table.later:
            self.report(where, f"{table.noun} '{tag}' is not supported yet; expected one of {', '.join(table.classes)}")
            return None
        if not isinstance(name, str) or name not in table.classes:
            guess = did_you_mean(str(tag), (*table.classes, *table.alias))
            self.report(where, f"expected one of {', '.join(table.classes)}, got {show(tag)}{guess}")
            return None
        return self.section(data, table.classes[name], path, name)
