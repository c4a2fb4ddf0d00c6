"""Measurements in turn, A B C A B C, so that a drift of the machine's speed affects all of them equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

FEWEST = 3


def take_turns(measurements: Sequence[Callable[[], float]], rounds: int, budget: float | None = None) -> np.ndarray:
    """Repeat measurements in turn.

    Parameters
    ----------
    measurements : sequence of callable
        Each measures once and returns a number. They must be warmed up.
    rounds : int
        Maximum number of turns of each.
    budget : float, optional
        Seconds after which no further round begins; there are at least `FEWEST` rounds.

    Returns
    -------
    ndarray
        Numbers ``[len(measurements), rounds]``.
    """
    begin, made = time.perf_counter(), []
    while len(made) < rounds:
        if budget is not None and len(made) >= FEWEST and time.perf_counter() - begin > budget:
            break
        made.append([measure() for measure in measurements])
    return np.array(made).T
