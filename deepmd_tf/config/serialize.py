"""Conversion of the configuration to plain dictionaries."""

from __future__ import annotations

import dataclasses
from typing import Any

from deepmd_tf.config.fields import keys_of


def config_to_dict(config: Any, *, common: bool = False) -> dict[str, Any]:
    """Return a configuration or a section of it as a dictionary of JSON values, including defaults.

    Parameters
    ----------
    config
        The configuration; `parse_config(config_to_dict(config)) == config`.
    common
        Omit keys that DeePMD-kit does not have if they have their default values, so that it can read the result.
    """
    keys = keys_of(type(config), getattr(config, "type", None))
    values = {key.name: getattr(config, key.name) for key in keys}
    if common:
        values = {
            key.name: values[key.name] for key in keys if not (key.option.own and values[key.name] == key.default)
        }
    return {name: _plain(value, common) for name, value in values.items()}


def _plain(value: Any, common: bool) -> Any:
    if dataclasses.is_dataclass(value):
        return config_to_dict(value, common=common)
    if isinstance(value, tuple):
        return [_plain(item, common) for item in value]
    return value
