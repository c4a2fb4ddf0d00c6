"""Manifest of a checkpoint: checksums of its files and the state of the run, under one checksum.

Format 2 has the key ``checksum``: the SHA-256 of the other keys as JSON with sorted keys and no spaces. Format 1, which
can still be read, has no such key.
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
    """JSON object of a checkpoint. A missing key raises `InputError`.

    Checksums do not exclude a missing key: any program can compute a valid checksum.

    Attributes
    ----------
    origin : str
        Path of the file, for messages.
    """

    origin = ""

    def __missing__(self, key: str) -> None:
        raise InputError(f"{self.origin}: the key {key} is missing")


def read_table(path: Path) -> Table:
    """Read a JSON file that contains an object; any other content raises `ValueError`."""

    def table(pairs: list[tuple[str, object]]) -> Table:
        result = Table(pairs)
        result.origin = str(path)
        return result

    result = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=table)
    if not isinstance(result, Table):
        raise ValueError(f"expected an object, got {type(result).__name__}")
    return result


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def seal(facts: Mapping) -> str:
    """Return the checksum of a manifest; an existing key ``checksum`` is ignored."""
    read = json.loads(json.dumps({key: value for key, value in facts.items() if key != _SEAL}))
    return hashlib.sha256(json.dumps(read, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_manifest(path: Path, facts: Mapping) -> None:
    """Write a manifest with its format and checksum."""
    facts = {"format": FORMAT, **facts}
    path.write_text(json.dumps({**facts, _SEAL: seal(facts)}, indent=1), encoding="utf-8")


def read_manifest(path: Path) -> Table:
    """Read a manifest and verify it.

    Raises
    ------
    InputError
        If it is missing, damaged, or of an unknown format.
    """
    try:
        facts = read_table(path)
        version, sealed = facts["format"], facts.get(_SEAL)
        intact = sealed == seal(facts) if version == FORMAT else sealed is None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not the manifest of a checkpoint ({error})") from error
    if version not in (FORMAT, _UNSEALED):
        raise InputError(f"{path.parent}: checkpoint format {version}; this version reads formats 1 and {FORMAT}")
    if not intact:
        raise InputError(f"{path}: damaged (its checksum differs from the recorded one); use an older checkpoint")
    return facts
