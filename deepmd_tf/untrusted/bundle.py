"""Check of files in TensorFlow's checkpoint format. TensorFlow ends the process if such a file is damaged.

The index is a sorted table as in LevelDB (``tensorflow/core/lib/io/format.h``): blocks of entries with
prefix-compressed keys, and a footer with the offset of the index block. A value is a
``BundleEntryProto`` (``tensorflow/core/protobuf/tensor_bundle.proto``): type, shape, and position in the data file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto, BundleHeaderProto

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_TRAILER = 5  # type of compression, checksum
_MAX_BYTES = 64 * 1024**2  # of the index
_OBJECTS = b"_CHECKPOINTABLE_OBJECT_GRAPH"
_NUMBERS = (tf.float64, tf.float32, tf.int64, tf.int32, tf.bool)


def check_bundle(prefix: str | Path) -> None:
    """Check ``{prefix}.index`` and its one data file.

    Raises
    ------
    ValueError
        If the index differs from TensorFlow's format or refers to bytes beyond the data.
    """
    index, data = Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001")
    try:
        if index.stat().st_size > _MAX_BYTES:
            raise ValueError(f"an index of {index.stat().st_size} bytes")
        table, size = index.read_bytes(), data.stat().st_size
        entries = list(_entries(table))
        if not entries or entries[0][0] != b"":
            raise ValueError("an index without a header")
        header = BundleHeaderProto.FromString(entries[0][1])
        if header.num_shards != 1 or header.endianness != BundleHeaderProto.LITTLE:
            raise ValueError("an index of several files, or of another machine")
        for key, value in entries[1:]:
            _check_entry(key, BundleEntryProto.FromString(value), data, size)
    except (OSError, DecodeError, IndexError) as error:
        raise ValueError(f"the index is damaged: {error}") from error


def _entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a table, in order."""
    if len(table) < _FOOTER or table[-8:] != _MAGIC:
        raise ValueError("the index does not end as a table")
    footer = table[-_FOOTER:-8]
    position = 0
    for _ in range(2):
        _, position = _varint(footer, position)  # the unused metaindex block
    offset, position = _varint(footer, position)
    length, _ = _varint(footer, position)
    last = None
    for _, handle in _block(table, offset, length):
        start, position = _varint(handle, 0)
        size, _ = _varint(handle, position)
        for key, value in _block(table, start, size):
            if last is not None and key <= last:
                raise ValueError("the keys of the index are not in order")
            last = key
            yield key, value


def _block(table: bytes, offset: int, length: int) -> Iterator[tuple[bytes, bytes]]:
    if length < 4 or offset + length + _TRAILER > len(table) - _FOOTER:
        raise ValueError("a block beyond the end of the index")
    if table[offset + length] != 0:
        raise ValueError("a compressed block")
    block = table[offset : offset + length]
    restarts = int.from_bytes(block[-4:], "little")
    end = length - 4 * (restarts + 1)
    if restarts < 1 or end < 0:
        raise ValueError("a block without entries")
    for k in range(restarts):
        if int.from_bytes(block[end + 4 * k : end + 4 * k + 4], "little") > end:
            raise ValueError("a block whose entries begin beyond it")
    content, position, key = block[:end], 0, b""
    while position < end:
        shared, position = _varint(content, position)
        unshared, position = _varint(content, position)
        size, position = _varint(content, position)
        if shared > len(key) or position + unshared + size > end:
            raise ValueError("an entry beyond its block")
        key = key[:shared] + content[position : position + unshared]
        position += unshared
        yield key, content[position : position + size]
        position += size


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Return a number of variable length and the position of its end."""
    value = 0
    for shift in range(0, 64, 7):
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError("a number of more than ten bytes")


def _check_entry(key: bytes, entry: BundleEntryProto, data: Path, size: int) -> None:
    name = key.decode("utf-8", "replace")[:80]
    if entry.shard_id or entry.slices or entry.shape.unknown_rank or any(dim.size < 0 for dim in entry.shape.dim):
        raise ValueError(f"{name}: not a whole tensor")
    if entry.size < 0 or entry.offset < 0 or entry.offset + entry.size > size:
        raise ValueError(f"{name}: claims bytes beyond the end of {data.name}")
    if key == _OBJECTS and entry.dtype == tf.string.as_datatype_enum and not entry.shape.dim:
        with data.open("rb") as file:
            file.seek(entry.offset)
            content = file.read(min(entry.size, 10))
        length, end = _varint(content, 0)
        if end + 4 + length != entry.size:
            raise ValueError(f"{name}: a text of {length} bytes in {entry.size}")
        return
    kinds = {kind.as_datatype_enum: kind.size for kind in _NUMBERS}
    if entry.dtype not in kinds:
        raise ValueError(f"{name}: expected numbers, got a tensor of type {entry.dtype}")
    if math.prod(dim.size for dim in entry.shape.dim) * kinds[entry.dtype] != entry.size:
        raise ValueError(f"{name}: {entry.size} bytes for the shape {[dim.size for dim in entry.shape.dim][:8]}")
