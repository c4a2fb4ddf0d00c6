"""Which species the atoms of a system are: `type.raw` and `type_map.raw`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from deepmd_tf.config.suggest import did_you_mean
from deepmd_tf.errors import InputError


def read_types(directory: Path, type_map: tuple[str, ...]) -> np.ndarray:
    """Return the index into `type_map` of each atom, int32 `[natoms]`.

    With `type_map.raw` the integers of `type.raw` count its names, which are looked up in `type_map`; without it they
    are indices into `type_map`.
    """
    path = directory / "type.raw"
    integers = _read_integers(path)
    names_path = directory / "type_map.raw"
    if not names_path.exists():
        _check_range(integers, path, len(type_map), f"the model's type_map {list(type_map)}")
        return integers
    names = _read_words(names_path)
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"{names_path}: expected different names, got '{name}' more than once")
    _check_range(integers, path, len(names), f"{names_path} {names}")
    table = np.full(len(names), -1, dtype=np.int32)
    for index, name in enumerate(names):
        if name in type_map:
            table[index] = type_map.index(name)
    types = table[integers]
    missing = np.flatnonzero(types < 0)
    if len(missing):
        atom = int(missing[0])
        name = names[integers[atom]]
        raise InputError(
            f"{names_path}: '{name}' (atom {atom} of {path}) is not in the model's type_map {list(type_map)}"
            f"{did_you_mean(name, type_map)}; add it to model.type_map"
        )
    return types


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from None


def _read_integers(path: Path) -> np.ndarray:
    words = _read_words(path)
    if not words:
        raise InputError(f"{path}: expected one integer per atom, got an empty file")
    integers = np.empty(len(words), dtype=np.int32)
    for atom, word in enumerate(words):
        try:
            integers[atom] = int(word)
        except (ValueError, OverflowError):
            raise InputError(f"{path}: atom {atom} (counted from 0): expected an integer, got '{word}'") from None
    return integers


def _check_range(integers: np.ndarray, path: Path, count: int, what: str) -> None:
    wrong = np.flatnonzero((integers < 0) | (integers >= count))
    if len(wrong):
        atom = int(wrong[0])
        raise InputError(
            f"{path}: atom {atom} (counted from 0): expected a type from 0 to {count - 1}, because {what} has {count} "
            f"names, got {integers[atom]}"
        )
