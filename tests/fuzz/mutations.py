"""Inputs changed by chance, the same in every run: for where no fuzzer is installed, and for the quick tests."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence

_NUMBERS = (0, 1, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)
_DOUBLES = (0.0, -0.0, 1e-300, 1e300, -1.0, 1e12, float("inf"), float("nan"), 0.3)
_WORDS = (
    b"null",
    b"{}",
    b"[]",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"\x00",
    b"\xff",
    b"&a [*a]",
    b"'\\n",
    b"9" * 5000,
)


def _changed(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place = chance.randrange(len(data) + 1)
    size = chance.choice((1, 1, 2, 4, 8, 16, 64))
    kind = chance.randrange(9)
    if kind == 0 and place < len(data):
        data[place] ^= 1 << chance.randrange(8)
    elif kind == 1 and place < len(data):
        data[place] = chance.randrange(256)
    elif kind == 2:
        del data[place:]
    elif kind == 3:
        del data[place : place + size]
    elif kind == 4:
        data[place:place] = chance.randbytes(size)
    elif kind == 5:
        other = chance.choice(others)
        start = chance.randrange(len(other) + 1)
        data[place:place] = other[start : start + 4 * size]
    elif kind == 6:
        width = chance.choice((1, 2, 4, 8))
        data[place : place + width] = (chance.choice(_NUMBERS) % 256**width).to_bytes(width, "little")
    elif kind == 7:
        data[place : place + 8] = struct.pack("<d", chance.choice(_DOUBLES))
    else:
        data[place : place + size] = chance.choice(_WORDS)


def mutations(seeds: Sequence[bytes], count: int, seed: int = 1) -> Iterator[bytes]:
    """Give `count` inputs, each a seed with one to four changes."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _changed(data, chance, seeds)
        yield bytes(data)
