"""Manifest of a checkpoint: checksums of its files and the state of the run, under one checksum.

Format 2 has ``checksum``, the SHA-256 of the list without it as JSON with sorted keys and no spaces. Format 1, which is
still read, had none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from deepmd_tf.errors import InputError

FORMAT = 2
_UNSEALED = 1
_SEAL = "checksum"


class Table(dict):
    """A table of a checkpoint; `InputError` for a key that is not there, whose checksum may be right all the same."""

    origin = ""

    def __missing__(self, key: str) -> None:
        raise InputError(f"{self.origin}: lacks the key {key}")


def read_table(path: Path) -> Table:
    """Read a JSON file that holds a table; raises `ValueError` for anything else."""

    def table(pairs: list[tuple[str, object]]) -> Table:
        result = Table(pairs)
        result.origin = str(path)
        return result

    result = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=table)
    if not isinstance(result, Table):
        raise ValueError(f"expected a table, got {type(result).__name__}")
    return result


def sha256_of(file: Path) -> str:
    """Return the checksum of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def seal(facts: Mapping) -> str:
    """Return the checksum of a list, whether it has one already or not."""
    read = json.loads(json.dumps({key: value for key, value in facts.items() if key != _SEAL}))
    return hashlib.sha256(json.dumps(read, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_manifest(path: Path, facts: Mapping) -> None:
    """Write a list, with its format and checksum."""
    facts = {"format": FORMAT, **facts}
    path.write_text(json.dumps({**facts, _SEAL: seal(facts)}, indent=1), encoding="utf-8")


def read_manifest(path: Path) -> Table:
    """Read a list and verify it.

    Raises
    ------
    InputError
        When it is missing, damaged, or of another format.
    """
    try:
        facts = read_table(path)
        version, sealed = facts["format"], facts.get(_SEAL)
        intact = sealed == seal(facts) if version == FORMAT else sealed is None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a checkpoint's list of files ({error})") from error
    if version not in (FORMAT, _UNSEALED):
        raise InputError(f"{path.parent}: checkpoint format {version}, this program reads formats 1 and {FORMAT}")
    if not intact:
        raise InputError(f"{path}: damaged (its checksum is not the one recorded); use an older checkpoint beside it")
    return facts
