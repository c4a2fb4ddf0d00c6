"""The rows of one label over all sets of a system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_CHUNK_NUMBERS = 4 * 1024**2


class Rows:
    """Arrays of several sets, seen as one array of `nframes` rows.

    Parameters
    ----------
    arrays
        One array `[nframes_of_set, ncolumns]` per set: in memory, memory-mapped, or read row by row from where it is.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self._arrays = tuple(arrays)
        self._nrows = sum(map(len, self._arrays))

    @property
    def ncolumns(self) -> int:
        """Width of a row."""
        return self._arrays[0].shape[1]

    @property
    def single_precision(self) -> bool:
        """Whether some of the numbers are stored as float32."""
        return any(array.dtype.itemsize == 4 for array in self._arrays)

    def __len__(self) -> int:
        return self._nrows

    def take(self, indices: np.ndarray, dtype: type = np.float64) -> np.ndarray:
        """Return the rows `indices` `[n]` as a new array `[n, ncolumns]`, in that order."""
        if len(self._arrays) == 1:
            return self._arrays[0][indices].astype(dtype)
        result = np.empty((len(indices), self.ncolumns), dtype=dtype)
        starts = np.cumsum([0, *map(len, self._arrays)])
        owner = np.searchsorted(starts, indices, side="right") - 1
        for iset in np.unique(owner):
            mine = owner == iset
            result[mine] = self._arrays[iset][indices[mine] - starts[iset]]
        return result

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all rows as they are stored, some at a time."""
        for array in self._arrays:
            step = max(1, _CHUNK_NUMBERS // max(1, array.shape[1]))
            for start in range(0, len(array), step):
                yield np.asarray(array[start : start + step])

    def filled(self) -> np.ndarray:
        """Return how many numbers of each row are not negative, `[nrows]`."""
        return np.concatenate([(piece >= 0).sum(axis=1) for piece in self.pieces()])


class RaggedRows:
    """Rows of frames that differ in their number of atoms, in memory.

    Parameters
    ----------
    flat
        A row per atom, frame after frame, `[natoms of all frames, width]`.
    splits
        The atoms of frame f are `splits[f]` to `splits[f + 1]`, `[nframes + 1]`.
    fill
        What rows that are shorter than others end with.
    """

    def __init__(self, flat: np.ndarray, splits: np.ndarray, fill: float = 0) -> None:
        self._flat, self._splits, self._fill = flat, splits, fill
        self._counts = np.diff(splits)

    single_precision = False

    @property
    def ncolumns(self) -> int:
        """Width of the widest row."""
        return int(self._counts.max(initial=0)) * self._flat.shape[1]

    def __len__(self) -> int:
        return len(self._counts)

    def take(self, indices: np.ndarray, dtype: type = np.float64) -> np.ndarray:
        """Return the rows `indices` `[n]` as a new array, as wide as the widest of them, in that order."""
        counts = self._counts[indices]
        place = np.arange(counts.max(initial=0))
        result = np.full((len(counts), len(place), self._flat.shape[1]), self._fill, dtype=dtype)
        filled = place < counts[:, None]
        result[filled] = self._flat[(self._splits[:-1][indices][:, None] + place)[filled]]
        return result.reshape(len(counts), len(place) * self._flat.shape[1])

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all rows as they are stored, and where they begin."""
        yield self._splits
        yield self._flat

    def filled(self) -> np.ndarray:
        """Return how many atoms each row has, `[nrows]`."""
        return self._counts


class ChosenRows:
    """Some rows of others.

    Parameters
    ----------
    rows
        All of them.
    chosen
        Which, `[nrows]`.
    """

    def __init__(self, rows: Rows | RaggedRows | ChosenRows, chosen: np.ndarray) -> None:
        self._rows, self._chosen = rows, chosen

    @property
    def ncolumns(self) -> int:
        """Width of the widest row of all."""
        return self._rows.ncolumns

    @property
    def single_precision(self) -> bool:
        """Whether some of the numbers are stored as float32."""
        return self._rows.single_precision

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, indices: np.ndarray, dtype: type = np.float64) -> np.ndarray:
        """Return the rows `indices` `[n]` of those chosen, in that order."""
        return self._rows.take(self._chosen[indices], dtype)

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield which rows were chosen, then all as they are stored, some at a time."""
        yield self._chosen
        yield from self._rows.pieces()

    def filled(self) -> np.ndarray:
        """Return how many numbers of each row are not negative, `[nrows]`."""
        return self._rows.filled()[self._chosen]
