"""Rules of `batch_size` and `numb_btch`."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from deepmd_tf.data.system import System
from deepmd_tf.errors import InputError

log = logging.getLogger(__name__)

DEFAULT_ATOMS = 32
_WORDS = ("auto", "max", "filter", "mixed", "mixed:auto")


def batch_sizes(rule: int | Sequence[int] | str, systems: Sequence[System]) -> tuple[int, ...]:
    """Return the number of frames per batch of each system.

    Parameters
    ----------
    rule
        An integer for all systems, a list with one integer per system, `auto` (the same as `auto:32`) or `auto:N`: the
        smallest number of frames with at least N atoms, on average if the frames of a system differ in size; `max:N` or
        `filter:N`: the largest number with at most N atoms for any choice of frames, at least one. A batch never
        exceeds the frames of its system. With `mixed:N` and `mixed:auto:N` a batch consists of `draws_per_batch`
        batches of one frame. Padding atoms are not counted.
    systems
        The systems of one data set.
    """
    sizes = _wanted(rule, systems)
    smaller = [(system, size) for system, size in zip(systems, sizes, strict=True) if size > system.nframes]
    if smaller:
        system, size = smaller[0]
        log.warning(
            "system %s: batch of %d frames is larger than the system of %d frames; its batches have %d%s",
            system.path,
            size,
            system.nframes,
            system.nframes,
            f"; {len(smaller) - 1} more such systems" if len(smaller) > 1 else "",
        )
    return tuple(min(size, system.nframes) for system, size in zip(systems, sizes, strict=True))


def kept_systems(rule: int | Sequence[int] | str, systems: Sequence[System]) -> list[System]:
    """Return the systems with frames of at most N atoms for `filter:N`; all systems for other rules."""
    word, number = _parsed(rule) if isinstance(rule, str) else ("", 0)
    if word != "filter":
        return list(systems)
    kept = []
    for system in systems:
        fewest, most = system.size_range
        if most <= number:
            kept.append(system)
        elif fewest <= number:
            kept.append(system.only(np.flatnonzero(system.frame_sizes <= number)))
    if not kept:
        fewest = min(system.size_range[0] for system in systems)
        raise InputError(f"batch_size: '{rule}' leaves no system; the smallest has {fewest} atoms")
    frames, left = (sum(system.nframes for system in each) for each in (systems, kept))
    if left < frames:
        log.warning(
            "batch_size: '%s' omits %d of %d systems, and %d of %d frames in total",
            *(rule, len(systems) - len(kept), len(systems), frames - left, frames),
        )
    return kept


def draws_per_batch(
    rule: int | Sequence[int] | str, systems: Sequence[System], probabilities: Sequence[float] | None = None
) -> int:
    """Return the number of draws of a system per batch.

    Parameters
    ----------
    rule
        As in `batch_sizes`.
    systems
        The systems of one data set.
    probabilities
        Probability of each system; by default proportional to its number of frames.

    Returns
    -------
    int
        N for `mixed:N`; for `mixed:auto:N` the smallest number of frames with N atoms on average; 1 otherwise.
    """
    word, number = _parsed(rule) if isinstance(rule, str) else ("", 0)
    if not word.startswith("mixed"):
        return 1
    nframes = sum(system.nframes for system in systems)
    if word == "mixed:auto":
        shares = [system.nframes / nframes for system in systems] if probabilities is None else probabilities
        means = [system.total_atoms / system.nframes for system in systems]
        atoms = sum(share * mean for share, mean in zip(shares, means, strict=True))
        number = max(1, math.ceil(number / atoms - 1e-9))
    if number > nframes:
        log.warning(
            "a batch of %d frames is larger than all systems together, %d frames; it repeats frames", number, nframes
        )
    return number


def _wanted(rule: int | Sequence[int] | str, systems: Sequence[System]) -> list[int]:
    if isinstance(rule, str):
        word, number = _parsed(rule)
        if word.startswith("mixed"):
            return [1] * len(systems)
        if word == "auto":
            return [-(-number * system.nframes // system.total_atoms) for system in systems]
        return [max(1, number // system.size_range[1]) for system in systems]
    sizes = [rule] * len(systems) if isinstance(rule, int) else list(rule)
    if len(sizes) != len(systems):
        raise InputError(f"batch_size: expected {len(systems)} integers, one per system, got {len(sizes)}")
    for size in sizes:
        if size < 1:
            raise InputError(f"batch_size: expected positive integers, got {size}")
    return sizes


def _parsed(rule: str) -> tuple[str, int]:
    """Return the word of a rule, and its number of atoms or frames."""
    word, _, number = (f"auto:{DEFAULT_ATOMS}" if rule == "auto" else rule).rpartition(":")
    if word in _WORDS and number.isdecimal() and int(number) > 0:
        return word, int(number)
    raise InputError(
        "batch_size: expected an integer, a list of integers, 'auto', 'auto:N', 'max:N', 'filter:N', 'mixed:N' or "
        f"'mixed:auto:N' with a positive N, got '{rule}'"
    )


def batch_counts(sizes: Sequence[int], systems: Sequence[System]) -> tuple[int, ...]:
    """Return the number of full batches of each system, at least one."""
    return tuple(max(1, system.nframes // size) for system, size in zip(systems, sizes, strict=True))


def validation_batches(rule: int | str, sizes: Sequence[int], systems: Sequence[System], draws: int = 1) -> int:
    """Return the number of batches per validation for `numb_btch`: an integer, or `N%` of all batches, rounded up.

    Parameters
    ----------
    rule
        The value of `numb_btch`.
    sizes
        Frames per draw of each system, from `batch_sizes`.
    systems
        The systems of the validation data.
    draws
        Draws per batch, from `draws_per_batch`.
    """
    if isinstance(rule, int):
        return rule
    try:
        percent = float(rule.removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not rule.endswith("%") or not 0 < percent <= 100:
        raise InputError(f"numb_btch: expected a positive integer or 'N%' with N from 0 to 100, got '{rule}'")
    return max(1, math.ceil(sum(batch_counts(sizes, systems)) / draws * percent / 100 - 1e-9))
