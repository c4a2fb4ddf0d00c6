"""Safe reader of `.npy` files of numbers."""

from __future__ import annotations

import functools
import io
import math
import os
import warnings
from pathlib import Path

import numpy as np

from deepmd_tf.data.memory import Memory
from deepmd_tf.errors import InputError

MAP_BYTES = 16 * 1024**2
"""Smallest size of memory-mapped files; smaller ones are read."""

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}
_LONGEST_HEADER = 10_000
_MAX_AXES = 8  # the arrays of a system have at most three
_START_BYTES = 2 * _LONGEST_HEADER


class StoredRows:
    """Rows of a `.npy` file that is opened for each read, so that it needs neither memory nor a memory map.

    Parameters
    ----------
    path
        The file.
    dtype, shape
        Type and shape of its array, `[nrows, ncolumns]` or `[nrows]` in C order.
    offset
        Offset of the array in the file, bytes.
    """

    def __init__(self, path: str, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> None:
        self._path, self._offset = path, offset
        self.dtype, self.shape, self.ndim = dtype, shape, len(shape)
        self._row_bytes = dtype.itemsize * math.prod(shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Read rows: a slice without steps, or an array of row numbers."""
        if isinstance(key, slice):
            start, stop, _ = key.indices(len(self))
            data = self._read([(start, max(0, stop - start))])
        else:
            data = self._read([(int(row), 1) for row in key])
        return np.frombuffer(data, dtype=self.dtype).reshape(-1, *self.shape[1:])

    def column(self) -> StoredRows:
        """Return a vector `[nrows]` as a column `[nrows, 1]`."""
        return StoredRows(self._path, self.dtype, (*self.shape, 1), self._offset)

    def _read(self, pieces: list[tuple[int, int]]) -> bytes:
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
            try:
                parts = [
                    os.pread(descriptor, count * self._row_bytes, self._offset + first * self._row_bytes)
                    for first, count in pieces
                ]
            finally:
                os.close(descriptor)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror or error}") from None
        data = b"".join(parts)
        if len(data) != self._row_bytes * sum(count for _, count in pieces):
            raise InputError(f"{self._path}: became shorter while it was in use")
        return data


def read_rows(path: str | Path, memory: Memory | None = None, *, integers: bool = False) -> np.ndarray | StoredRows:
    """Read a `.npy` file of float32 or float64, or of integers.

    Parameters
    ----------
    path
        The file.
    memory
        Limits on memory and mapped files; by default those that this file needs.
    integers
        True for integers, False for float32 or float64.

    Returns
    -------
    ndarray or StoredRows
        The array with the shape and precision of the file. Large files are memory-mapped read-only; arrays that exceed
        `memory` stay on the disk.

    Raises
    ------
    InputError
        If the file is missing, truncated or not a `.npy` file, or has pickled objects or numbers of another type.
    """
    memory = memory or Memory(nbytes=MAP_BYTES)
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            kept = size < MAP_BYTES and memory.keep(size)
            start = os.read(descriptor, size if kept else _START_BYTES)
            while kept and len(start) < size and (more := os.read(descriptor, size - len(start))):
                start += more
        finally:
            os.close(descriptor)
        shape, fortran_order, dtype, offset = _header(start, path)
        _check_dtype(dtype, integers, path)
        _check_size(path, size, offset, shape, dtype)
        order = "F" if fortran_order else "C"
        if kept:
            rows = np.frombuffer(start, dtype=dtype, count=math.prod(shape), offset=offset)
            return rows.reshape(shape, order=order)
        if 0 in shape:
            return np.empty(shape, dtype)
        if not shape or fortran_order or (size >= MAP_BYTES and memory.map()):
            return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order=order)
        return StoredRows(str(path), dtype, shape, offset)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _header(start: bytes, path: str | Path) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, Fortran order, type and offset of the array."""
    if start[: len(_MAGIC)] != _MAGIC:
        found = "an empty file" if not start else f"a file that starts with {start[: len(_MAGIC)]!r}"
        raise InputError(f"{path}: expected a NumPy .npy file, got {found}; write it with numpy.save")
    try:
        version = tuple(start[6:8])
        if version not in _LENGTH_BYTES:
            raise ValueError(f"unknown format version {'.'.join(map(str, version))}")
        end = 8 + _LENGTH_BYTES[version]
        end += int.from_bytes(start[8:end], "little")
        if end > _START_BYTES:
            raise ValueError(f"it is {end} bytes long")
        return *_parsed(start[:end]), end
    except Exception as error:  # NumPy parses the header as Python, so a damaged one may raise any exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: damaged .npy header ({reason}); write the file again") from None


@functools.lru_cache(maxsize=4096)  # many files have the same header, and parsing takes longer than reading
def _parsed(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    stream = io.BytesIO(header)
    version = np.lib.format.read_magic(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape, fortran_order, dtype = _HEADER_READERS[version](stream, _LONGEST_HEADER)
    lengths = len(shape) <= _MAX_AXES and all(type(n) is int and n >= 0 for n in shape)  # True is an int to NumPy
    if not lengths or math.prod(n or 1 for n in shape) >= 2**60:
        raise ValueError(f"shape {str(shape)[:60]}")
    return shape, fortran_order, dtype


def _check_dtype(dtype: np.dtype, integers: bool, path: str | Path) -> None:
    wanted = "integers" if integers else "float32 or float64 numbers"
    if dtype.hasobject:
        raise InputError(f"{path}: expected {wanted}, got pickled Python objects, which are never loaded")
    if dtype.kind not in ("iu" if integers else "f") or (not integers and dtype.itemsize not in (4, 8)):
        hint = "int32" if integers else "float64"
        raise InputError(f"{path}: expected {wanted}, got {dtype}; convert with array.astype('{hint}')")


def _check_size(path: str | Path, found: int, offset: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
    expected = offset + math.prod(shape) * dtype.itemsize
    if found < expected:
        raise InputError(f"{path}: truncated: expected {expected} bytes for shape {shape} of {dtype}, got {found}")
