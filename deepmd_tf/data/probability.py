"""Probabilities of the systems."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmd_tf.config.training import auto_prob_message
from deepmd_tf.errors import InputError


def system_probabilities(
    nbatches: Sequence[int], auto_prob: str = "prob_sys_size", sys_probs: Sequence[float] | None = None
) -> np.ndarray:
    """Return the probabilities of the systems, float64 `[nsystems]`; their sum is 1.

    Parameters
    ----------
    nbatches
        Number of batches of each system.
    auto_prob
        `prob_uniform`, `prob_sys_size` (proportional to the number of batches) or `prob_sys_size;start:end:weight;...`:
        the weight of each block is divided among its systems in proportion to their number of batches; systems outside
        the blocks are never drawn.
    sys_probs
        Weights that replace `auto_prob`.
    """
    if sys_probs is not None:
        if len(sys_probs) != len(nbatches):
            raise InputError(f"sys_probs: expected {len(nbatches)} numbers, one per system, got {len(sys_probs)}")
        return _normalized(np.array(sys_probs, dtype=np.float64), "sys_probs")
    message = auto_prob_message(auto_prob)
    if message:
        raise InputError(f"auto_prob: {message}")
    style, *blocks = auto_prob.split(";")
    if style == "prob_uniform":
        return np.full(len(nbatches), 1.0 / len(nbatches))
    sizes = np.array(nbatches, dtype=np.float64)
    return _normalized(_by_blocks(sizes, blocks) if blocks else sizes, "auto_prob")


def _by_blocks(sizes: np.ndarray, blocks: list[str]) -> np.ndarray:
    weights = np.zeros_like(sizes)
    taken = np.zeros(len(sizes), dtype=bool)
    for block in blocks:
        start, end, weight = block.split(":")
        inside = slice(int(start), int(end))
        if int(end) > len(sizes):
            raise InputError(f"auto_prob: block '{block}' ends at {end} but there are {len(sizes)} systems")
        if taken[inside].any():
            raise InputError(f"auto_prob: block '{block}' overlaps another block")
        taken[inside] = True
        weights[inside] = float(weight) * sizes[inside] / sizes[inside].sum()
    return weights


def _normalized(weights: np.ndarray, key: str) -> np.ndarray:
    total = weights.sum()
    if not np.isfinite(total) or total <= 0 or (weights < 0).any():
        raise InputError(f"{key}: expected weights that are not negative with a positive sum, got {weights.tolist()}")
    return weights / total
