"""The rules of `batch_size` and `numb_btch`."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from deepmd_tf.data.system import System
from deepmd_tf.errors import InputError

log = logging.getLogger(__name__)

DEFAULT_ATOMS = 32


def batch_sizes(rule: int | Sequence[int] | str, systems: Sequence[System]) -> tuple[int, ...]:
    """Return the number of frames per batch of each system.

    Parameters
    ----------
    rule
        An integer for all systems, a list with one integer per system, `auto` (the same as `auto:32`) or `auto:N`: the
        smallest number of frames that has at least N atoms. A batch never exceeds the frames of its system. With
        `mixed:N` a batch is put together from `draws_per_batch` batches of one frame.
    systems
        The systems of one data set.
    """
    sizes = _wanted(rule, systems)
    for system, size in zip(systems, sizes, strict=True):
        if size > system.nframes:
            log.warning(
                "system %s: a batch of %d frames is more than its %d frames; its batches have %d",
                system.path,
                size,
                system.nframes,
                system.nframes,
            )
    return tuple(min(size, system.nframes) for system, size in zip(systems, sizes, strict=True))


def draws_per_batch(rule: int | Sequence[int] | str, systems: Sequence[System]) -> int:
    """Return how many draws of a system make up one batch: N for `mixed:N`, 1 for every other rule."""
    if not isinstance(rule, str):
        return 1
    word, number = _parsed(rule)
    if word != "mixed":
        return 1
    nframes = sum(system.nframes for system in systems)
    if number > nframes:
        log.warning(
            "a batch of %d frames is more than the %d frames of all systems; it has some twice", number, nframes
        )
    return number


def _wanted(rule: int | Sequence[int] | str, systems: Sequence[System]) -> list[int]:
    if isinstance(rule, str):
        word, number = _parsed(rule)
        return [1 if word == "mixed" else math.ceil(number / system.natoms) for system in systems]
    sizes = [rule] * len(systems) if isinstance(rule, int) else list(rule)
    if len(sizes) != len(systems):
        raise InputError(f"batch_size: expected {len(systems)} integers, one per system, got {len(sizes)}")
    for size in sizes:
        if size < 1:
            raise InputError(f"batch_size: expected positive integers, got {size}")
    return sizes


def _parsed(rule: str) -> tuple[str, int]:
    """Return `auto` and a number of atoms, or `mixed` and a number of frames."""
    word, _, number = (f"auto:{DEFAULT_ATOMS}" if rule == "auto" else rule).partition(":")
    if word in ("auto", "mixed") and number.isdecimal() and int(number) > 0:
        return word, int(number)
    raise InputError(
        f"batch_size: expected an integer, a list of integers, 'auto', 'auto:N' or 'mixed:N' with a positive N, "
        f"got '{rule}'"
    )


def batch_counts(sizes: Sequence[int], systems: Sequence[System]) -> tuple[int, ...]:
    """Return the number of full batches that each system holds, at least one."""
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
