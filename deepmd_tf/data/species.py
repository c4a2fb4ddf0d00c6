"""Species of the atoms of a system: `type.raw`, `type_map.raw` and `real_atom_types.npy`."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from deepmd_tf.config.suggest import did_you_mean
from deepmd_tf.data.rows import ChosenRows, RaggedRows, Rows
from deepmd_tf.data.tree import TYPE, Tree
from deepmd_tf.errors import InputError

PADDING = -1
"""Type of padding atoms, which fill the rows of frames with fewer atoms than others and are never counted."""

_CHUNK_NUMBERS = 4 * 1024**2
_SHOWN = 40  # characters of a word in a message
_MAX_NAMES = 1000


def _cut(word: str) -> str:
    return word if len(word) <= _SHOWN else f"{word[:_SHOWN]}..."


def _integer(word: str) -> int:
    """Return the value of a word of digits; unlike `int`, refuse `1_000` and digits of other scripts."""
    if not word.isascii() or "_" in word:
        raise ValueError
    return int(word)


class FixedTypes:
    """Types of frames with the same atoms.

    Attributes
    ----------
    common : ndarray
        Index of each atom in the model's type map, int32 `[natoms]`.
    """

    def __init__(self, types: np.ndarray) -> None:
        self.common = types

    @property
    def natoms(self) -> int:
        """Number of atoms of a frame."""
        return len(self.common)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Return the types in the frames `indices`, int32 `[n, natoms]`."""
        return np.tile(self.common, (len(indices), 1))


class FrameTypes:
    """Types of frames with different compositions.

    Parameters
    ----------
    rows
        Types as stored, `[nframes, natoms]`; `PADDING` marks padding atoms.
    table
        Index of each stored type in the model's type map, `[nnames]`.
    """

    common = None

    def __init__(self, rows: Rows | RaggedRows | ChosenRows, table: np.ndarray) -> None:
        self._rows = rows
        self._table = np.append(table, np.int32(PADDING))  # entry for the index -1

    @property
    def natoms(self) -> int:
        """Number of atoms of a frame, including padding."""
        return self._rows.ncolumns

    @functools.cached_property
    def sizes(self) -> np.ndarray:
        """Number of atoms of each frame without padding, `[nframes]`."""
        return self._rows.filled()

    def only(self, frames: np.ndarray) -> FrameTypes:
        """Return the types of the frames `frames` `[n]` only."""
        return FrameTypes(ChosenRows(self._rows, frames), self._table[:-1])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Return the types in the frames `indices`, int32 `[n, natoms]`."""
        return self._table[self._rows.take(indices, np.int64)]

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield the table, then all types as stored, in pieces."""
        yield self._table
        yield from self._rows.pieces()


class Names(NamedTuple):
    """Meaning of the integers of a system.

    Attributes
    ----------
    place
        Path of the file with the names.
    names
        Name of each integer.
    table
        Index of each name in the model's type map, int32 `[nnames]`; -1 if the model does not have it.
    type_map
        Names of the species of the model.
    """

    place: str
    names: tuple[str, ...]
    table: np.ndarray
    type_map: tuple[str, ...]

    def refuse(self, integer: int, where: str) -> None:
        """Raise `InputError` for a species that the model does not have."""
        name = self.names[integer]
        raise InputError(
            f"{self.place}: '{name}' ({where}) is not in the model's type_map {list(self.type_map)}"
            f"{did_you_mean(name, self.type_map)}; add it to model.type_map"
        )


def read_names(tree: Tree, type_map: tuple[str, ...]) -> Names | None:
    """Return the names in `type_map.raw`; None without the file: integers are then indices of the model's type map."""
    if not tree.has("type_map.raw"):
        return None
    place, names = tree.place("type_map.raw"), tuple(tree.words("type_map.raw"))
    if len(names) > _MAX_NAMES or any(len(name) > _SHOWN for name in names):
        raise InputError(
            f"{place}: expected at most {_MAX_NAMES} names of at most {_SHOWN} characters, got {len(names)}, the "
            f"longest '{_cut(max(names, key=len))}'"
        )
    if len(set(names)) < len(names):
        name = Counter(names).most_common(1)[0][0]
        raise InputError(f"{place}: expected different names, got '{name}' more than once")
    return Names(place, names, _table(names, type_map), type_map)


@functools.lru_cache(maxsize=256)  # most systems of a collection have the same names
def _table(names: tuple[str, ...], type_map: tuple[str, ...]) -> np.ndarray:
    index = {name: number for number, name in enumerate(type_map)}
    return np.array([index.get(name, -1) for name in names], dtype=np.int32)


def read_types(tree: Tree, type_map: tuple[str, ...], names: Names | None) -> np.ndarray:
    """Return the index in `type_map` of each atom of `type.raw`, int32 `[natoms]`."""
    place, integers = tree.place(TYPE), read_integers(tree)
    if names is None:
        _check_range(integers, place, len(type_map), f"the model's type_map {list(type_map)}")
        return integers
    _check_range(integers, place, len(names.names), f"{names.place} {_listed(names.names)}")
    types = names.table[integers]
    missing = np.flatnonzero(types < 0)
    if len(missing):
        atom = int(missing[0])
        names.refuse(int(integers[atom]), f"atom {atom} of {place}")
    return types


def read_integers(tree: Tree) -> np.ndarray:
    """Return the integers of `type.raw`, int32 `[natoms]`."""
    place, words = tree.place(TYPE), tree.words(TYPE)
    if not words:
        raise InputError(f"{place}: expected one integer per atom, got an empty file")
    try:
        return np.array(list(map(_integer, words)), dtype=np.int32)
    except (ValueError, OverflowError):
        pass
    for atom, word in enumerate(words):
        try:
            np.array(_integer(word), dtype=np.int32)
        except (ValueError, OverflowError):
            raise InputError(
                f"{place}: atom {atom} (counted from 0): expected an integer, got '{_cut(word)}'"
            ) from None
    raise AssertionError("every word is an integer")


def _listed(names: tuple[str, ...]) -> str:
    return str(list(names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _check_range(integers: np.ndarray, place: str, count: int, what: str) -> None:
    if integers.min() >= 0 and integers.max() < count:
        return
    atom = int(np.flatnonzero((integers < 0) | (integers >= count))[0])
    raise InputError(
        f"{place}: atom {atom} (counted from 0): expected a type from 0 to {count - 1}, because {what} has {count} "
        f"names, got {integers[atom]}"
    )


def check_frame_types(array, place: str, names: Names) -> None:
    """Raise `InputError` naming the first type in `array` `[nframes, natoms]` that has no meaning.

    Large arrays are checked in pieces.
    """
    count = len(names.names)
    step = max(1, _CHUNK_NUMBERS // max(1, array.shape[1]))
    for start in range(0, len(array), step):
        types = np.asarray(array[start : start + step])
        wrong = (types < PADDING) | (types >= count)
        if wrong.any():
            frame, atom = map(int, np.argwhere(wrong)[0])
            raise InputError(
                f"{place}: frame {start + frame}, atom {atom} (counted from 0): expected a type from 0 to {count - 1}, "
                f"because {names.place} has {count} names, or {PADDING} for padding, got {types[frame, atom]}"
            )
        unknown = (types >= 0) & (names.table[types] < 0)
        if unknown.any():
            frame, atom = map(int, np.argwhere(unknown)[0])
            names.refuse(int(types[frame, atom]), f"frame {start + frame}, atom {atom} of {place}")
        empty = np.flatnonzero((types == PADDING).all(axis=1))
        if len(empty):
            raise InputError(
                f"{place}: frame {start + int(empty[0])} (counted from 0): expected an atom that is not padding"
            )
