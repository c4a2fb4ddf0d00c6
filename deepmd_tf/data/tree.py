"""Storage of a system: a directory, or a group of an HDF5 file with the same names in it."""

from __future__ import annotations

import contextlib
import os
from typing import Protocol

import numpy as np

from deepmd_tf.data.memory import Memory
from deepmd_tf.data.npy import StoredRows, read_rows
from deepmd_tf.errors import InputError

TYPE = "type.raw"
"""File that every system has."""


class Tree(Protocol):
    """Named arrays and texts of a system, such as `set.000/coord.npy`.

    Attributes
    ----------
    path : str
        Path as given by the user.
    """

    path: str

    def place(self, name: str) -> str:
        """Return the address of a name, for messages."""

    def sets(self) -> list[str]:
        """Return the names of the sets, sorted."""

    def has(self, name: str) -> bool:
        """Return whether a name exists."""

    def words(self, name: str) -> list[str]:
        """Read text and split it at blanks."""

    def rows(self, name: str, memory: Memory, *, integers: bool = False) -> np.ndarray | StoredRows:
        """Read an array of numbers; it stays in the file if it exceeds the memory."""


class Directory:
    """Directory with `type.raw` and `set.*`, which is listed once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._sets: list[str] = []
        try:
            self._names = set(os.listdir(path))
            for folder in sorted(name for name in self._names if name.startswith("set.")):
                with contextlib.suppress(NotADirectoryError):
                    inside = os.listdir(os.path.join(path, folder))
                    self._sets.append(folder)
                    self._names.update([f"{folder}/{name}" for name in inside])
        except OSError as error:
            raise InputError(f"system {path}: cannot be read: {error.strerror or error}") from None

    def place(self, name: str) -> str:
        """Return the path of a file."""
        return os.path.join(self.path, name)

    def sets(self) -> list[str]:
        """Return the names of the directories `set.*`, sorted."""
        return self._sets

    def has(self, name: str) -> bool:
        """Return whether a file of this name exists."""
        return name in self._names

    def words(self, name: str) -> list[str]:
        """Read a text file and split it at blanks."""
        try:
            with open(self.place(name), "rb", buffering=0) as file:
                return file.read().decode("utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.place(name)}: cannot be read as text: {error}") from None

    def rows(self, name: str, memory: Memory, *, integers: bool = False) -> np.ndarray | StoredRows:
        """Read a `.npy` file."""
        return read_rows(self.place(name), memory, integers=integers)
