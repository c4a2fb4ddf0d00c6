"""Strict reader of input files: JSON or YAML to plain dictionaries."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from deepmd_tf.errors import InputError

_YAML_SUFFIXES = (".yaml", ".yml")
_MAX_BYTES = 64 * 1024**2
_MAX_LETTERS = 200
_MAX_VALUES = 1_000_000
"""Limit on the number of values in a file with YAML aliases expanded; nested aliases would be unlimited."""


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read a JSON (`.json` or any other suffix) or YAML (`.yaml`, `.yml`) file whose top level is a table of keys.

    A duplicate key, NaN, Infinity, a file that is not UTF-8 or a syntax error raises an `InputError` that names the
    place.
    """
    path = Path(path)
    text = _read_text(path)
    parse = _parse_yaml if path.suffix.lower() in _YAML_SUFFIXES else _parse_json
    data = parse(text, path)
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise InputError(f"{path}: expected a table of keys (model, learning_rate, loss, training), got {found}")
    return data


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; an input file is at most {_MAX_BYTES}")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the path of a JSON or YAML input file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a JSON or YAML input file, got a directory") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(f"{path}: expected UTF-8 text, got byte 0x{byte:02x} at {error.start}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from None


def _parse_json(text: str, path: Path) -> Any:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result and not key.startswith("_"):
                raise InputError(f"{path}: key '{key}' is given twice{_lines_of(key, text)}; remove one")
            result[key] = value
        return result

    def constant(name: str) -> float:
        raise InputError(f"{path}: expected a finite number, got {name}")

    try:
        return json.loads(text, object_pairs_hook=table, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{path}: not valid input: nested too deeply") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not valid JSON: {str(error).splitlines()[0]}") from None


def _lines_of(key: str, text: str) -> str:
    pattern = re.compile(rf'"{re.escape(key)}"\s*:')
    lines = [text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)]
    if len(lines) < 2:
        return ""
    return f" (the key is on lines {', '.join(map(str, lines))})"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with the scalars of YAML 1.2 and without duplicate keys.

    YAML 1.1 reads `1e-3` as a string and the symbol of nobelium, `No`, as false.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the tables that `<<` names. Keep each key once, or nested merges grow exponentially."""
        _check_keys(node)
        super().flatten_mapping(node)
        node.value = list({key.value: (key, value) for key, value in node.value}.values())


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


def _check_keys(node: yaml.MappingNode) -> None:
    """Raise `InputError` for duplicate keys, and for keys that are tables or lists."""
    seen: set[str] = set()
    for key_node, _ in node.value:
        mark, key = key_node.start_mark, key_node.value
        place = f"{mark.name}:{mark.line + 1}:{mark.column + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise InputError(f"{place}: expected a word as a key, got a {key_node.id}")
        if key in seen and not key.startswith("_"):
            raise InputError(f"{place}: key '{_begin(key)}' is given twice; remove one")
        seen.add(key)


def _construct_table(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_table)


def _check_size(data: Any, path: Path) -> None:
    """Raise `InputError` for a value that contains itself, or too many values after its aliases are expanded."""
    sizes: dict[int, int | None] = {}  # by identity; None while the value is counted

    def count(value: Any) -> int:
        if not isinstance(value, (dict, list, tuple, set)):
            return 1
        if id(value) in sizes:
            known = sizes[id(value)]
            if known is None:
                raise InputError(f"{path}: not valid input: an alias that refers to itself")
            return known
        sizes[id(value)] = None
        items = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = total = 1 + sum(map(count, items))
        if total > _MAX_VALUES:
            raise InputError(f"{path}: not valid input: more than {_MAX_VALUES} values after its aliases are expanded")
        return total

    count(data)


def _parse_yaml(text: str, path: Path) -> Any:
    try:
        loader = _Loader(text)
        loader.name = str(path)
        try:
            data = loader.get_single_data()
            _check_size(data, path)
            return data
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise InputError(f"{path}{where}: not valid YAML: {_begin(error.problem or error.context)}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not valid YAML: {_begin(str(error).splitlines()[0])}") from None


def _begin(text: str) -> str:
    """Return the beginning of a message of the parser, which may quote the whole file."""
    return text if len(text) <= _MAX_LETTERS else f"{text[:_MAX_LETTERS]}..."
