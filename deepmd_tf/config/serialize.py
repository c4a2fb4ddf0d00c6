"""From the configuration back to plain dictionaries."""

from __future__ import annotations

import dataclasses
from typing import Any

from deepmd_tf.config.fields import keys_of


def config_to_dict(config: Any) -> dict[str, Any]:
    """Return a configuration (the whole or a section) as a dictionary of JSON values, defaults included.

    `parse_config(config_to_dict(config)) == config`.
    """
    return {key.name: _plain(getattr(config, key.name)) for key in keys_of(type(config), getattr(config, "type", None))}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return config_to_dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
