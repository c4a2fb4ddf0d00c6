"""Variants found by the `type` key of the input file."""

from __future__ import annotations

from collections.abc import Callable

from deepmd_tf.errors import InputError


class Registry(dict):
    """Classes by the `type` that the input file names.

    Parameters
    ----------
    key : str
        Path of the `type` key, for messages.
    """

    def __init__(self, key: str):
        super().__init__()
        self.key = key

    def register(self, name: str) -> Callable[[type], type]:
        """Class decorator that files a class under `name`."""

        def add(cls: type) -> type:
            self[name] = cls
            return cls

        return add

    def find(self, name: str) -> type:
        """Return the class filed under `name`; raises `InputError` naming the known ones."""
        if name not in self:
            raise InputError(f"{self.key}: unknown value {name!r}, expected one of {', '.join(sorted(self))}")
        return self[name]
