"""The rows of one label over all sets of a system."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Rows:
    """Arrays of several sets, seen as one array of `nframes` rows.

    Parameters
    ----------
    arrays
        One array `[nframes_of_set, ncolumns]` per set, float32 or float64, possibly memory-mapped.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self._arrays = tuple(arrays)
        self._starts = np.cumsum([0, *(len(array) for array in self._arrays)])

    @property
    def ncolumns(self) -> int:
        """Width of a row."""
        return self._arrays[0].shape[1]

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows `indices` `[n]` as a new float64 array `[n, ncolumns]`, in that order."""
        if len(self._arrays) == 1:
            return self._arrays[0][indices].astype(np.float64)
        result = np.empty((len(indices), self.ncolumns), dtype=np.float64)
        owner = np.searchsorted(self._starts, indices, side="right") - 1
        for iset in np.unique(owner):
            mine = owner == iset
            result[mine] = self._arrays[iset][indices[mine] - self._starts[iset]]
        return result
