"""Reading one `.npy` file of floating-point numbers, without trusting it."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deepmd_tf.errors import InputError

MAP_BYTES = 16 * 1024**2
"""Files from this size on are memory-mapped; a map holds a file descriptor, so smaller files are read instead."""

_MAGIC = b"\x93NUMPY"
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}


def read_rows(path: Path) -> np.ndarray:
    """Read a `.npy` file of float32 or float64.

    Returns
    -------
    ndarray
        The array as stored: its shape and precision are those of the file, large files are memory-mapped read-only.

    Raises
    ------
    InputError
        The file is missing, truncated or no `.npy` file, or it holds pickled objects or other than float32 or float64.
    """
    try:
        with path.open("rb") as file:
            shape, fortran_order, dtype = _read_header(file, path)
            offset = file.tell()
            _check_dtype(dtype, path)
            _check_size(path, offset, shape, dtype)
            if path.stat().st_size < MAP_BYTES:
                rows = np.frombuffer(file.read(math.prod(shape) * dtype.itemsize), dtype=dtype)
                return rows.reshape(shape, order="F" if fortran_order else "C")
        return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran_order else "C")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read_header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], bool, np.dtype]:
    start = file.read(len(_MAGIC))
    if start != _MAGIC:
        found = "an empty file" if not start else f"a file that starts with {start!r}"
        raise InputError(f"{path}: expected a NumPy .npy file, got {found}; write it with numpy.save")
    file.seek(0)
    try:
        version = np.lib.format.read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"unknown format version {version[0]}.{version[1]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = _HEADER_READERS[version](file)
        if any(length < 0 for length in shape):
            raise ValueError(f"shape {shape}")
        return shape, fortran_order, dtype
    except Exception as error:  # NumPy parses the header as Python: what a damaged one raises is anybody's guess
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: damaged .npy header ({reason}); write the file again") from None


def _check_dtype(dtype: np.dtype, path: Path) -> None:
    if dtype.hasobject:
        raise InputError(
            f"{path}: expected float32 or float64 numbers, got pickled Python objects, which are never loaded"
        )
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise InputError(
            f"{path}: expected float32 or float64 numbers, got {dtype}; convert with array.astype('float64')"
        )


def _check_size(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
    expected = offset + math.prod(shape) * dtype.itemsize
    found = path.stat().st_size
    if found < expected:
        raise InputError(f"{path}: truncated: expected {expected} bytes for shape {shape} of {dtype}, got {found}")
