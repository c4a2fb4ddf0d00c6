"""Rows of a label over all sets of a system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_CHUNK_NUMBERS = 4 * 1024**2


class Rows:
    """View of the arrays of several sets as one array of `nframes` rows.

    Parameters
    ----------
    arrays
        One array `[nframes_of_set, ncolumns]` per set: in memory, memory-mapped, or read from the file on demand.
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
        """Yield all rows as stored, in pieces."""
        for array in self._arrays:
            step = max(1, _CHUNK_NUMBERS // max(1, array.shape[1]))
            for start in range(0, len(array), step):
                yield np.asarray(array[start : start + step])

    def filled(self) -> np.ndarray:
        """Return the number of entries of each row that are not negative, `[nrows]`."""
        return np.concatenate([(piece >= 0).sum(axis=1) for piece in self.pieces()])


class RaggedRows:
    """Rows in memory of frames that differ in their number of atoms.

    Parameters
    ----------
    flat
        Rows of all atoms, ordered by frame, `[natoms of all frames, width]`.
    splits
        The atoms of frame f are `splits[f]` to `splits[f + 1]`, `[nframes + 1]`.
    fill
        Padding value at the end of shorter rows.
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
        """Return the rows `indices` `[n]` in that order as a new array, padded to the widest of them."""
        counts = self._counts[indices]
        place = np.arange(counts.max(initial=0))
        result = np.full((len(counts), len(place), self._flat.shape[1]), self._fill, dtype=dtype)
        filled = place < counts[:, None]
        result[filled] = self._flat[(self._splits[:-1][indices][:, None] + place)[filled]]
        return result.reshape(len(counts), len(place) * self._flat.shape[1])

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield the offsets of the rows, then all rows as stored."""
        yield self._splits
        yield self._flat

    def filled(self) -> np.ndarray:
        """Return the number of atoms of each row, `[nrows]`."""
        return self._counts


class ChosenRows:
    """Selection of rows.

    Parameters
    ----------
    rows
        All rows.
    chosen
        Indices of the selected rows, `[nrows]`.
    """

    def __init__(self, rows: Rows | RaggedRows | ChosenRows, chosen: np.ndarray) -> None:
        self._rows, self._chosen = rows, chosen

    @property
    def ncolumns(self) -> int:
        """Width of the widest of all rows."""
        return self._rows.ncolumns

    @property
    def single_precision(self) -> bool:
        """Whether some of the numbers are stored as float32."""
        return self._rows.single_precision

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, indices: np.ndarray, dtype: type = np.float64) -> np.ndarray:
        """Return the rows `indices` `[n]` of the selection, in that order."""
        return self._rows.take(self._chosen[indices], dtype)

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield the indices of the selected rows, then all rows as stored, in pieces."""
        yield self._chosen
        yield from self._rows.pieces()

    def filled(self) -> np.ndarray:
        """Return the number of entries of each row that are not negative, `[nrows]`."""
        return self._rows.filled()[self._chosen]
