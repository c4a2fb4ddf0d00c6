"""``Panels``: the division of an axis on which an embedding is tabulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tensorflow import Tensor


@dataclass(frozen=True)
class Panels:
    """Panels that widen along an axis s, as in ``source/lib/math/panels.h``.

    With ``x = (s - lowest) / unit + 1``, panels divide every octave ``[2^k, 2^(k+1))`` of x evenly.

    Attributes
    ----------
    lowest : float or Tensor
        Start of the axis, float64.
    unit : float
        Width of the first octave of s.
    per_octave : int or Tensor
        Panels of an octave, at least 1, int32.
    """

    lowest: float | Tensor
    unit: float
    per_octave: int | Tensor

    def octaves(self, highest: float) -> int:
        """Return the number of octaves from the first to the one that contains `highest`."""
        return int(np.floor(np.log2((highest - float(self.lowest)) / self.unit + 1))) + 1

    def count(self, highest: float) -> int:
        """Return the number of panels from the first to the one that contains `highest`."""
        x = (highest - float(self.lowest)) / self.unit + 1
        octave = int(np.floor(np.log2(x)))
        return octave * self.per_octave + int(np.floor((x / 2.0**octave - 1) * self.per_octave)) + 1

    def intervals(self, npanels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return start and width of the first `npanels` panels, float64 ``[npanels]`` each."""
        octave, part = np.divmod(np.arange(npanels), self.per_octave)
        width = np.ldexp(float(self.unit), octave) / self.per_octave
        return self.lowest - self.unit + width * (self.per_octave + part), width

    def edges(self, npanels: int) -> np.ndarray:
        """Return the boundaries of the first `npanels` panels, float64 ``[npanels + 1]``."""
        return np.asarray(self.intervals(npanels + 1)[0])
