"""Systems in HDF5 files, with the layout of a directory and addresses `file.hdf5#/group`."""

from __future__ import annotations

import math
import os

import numpy as np

from deepmd_tf.data.memory import Memory
from deepmd_tf.data.npy import MAP_BYTES, StoredRows
from deepmd_tf.data.tree import TYPE
from deepmd_tf.errors import InputError
from deepmd_tf.untrusted.hdf5_process import READER

SUFFIXES = (".hdf5", ".h5")


def is_hdf5(path: str) -> bool:
    """Return whether a path in `systems` is in an HDF5 file."""
    return path.partition("#")[0].endswith(SUFFIXES) or "#" in path


class Files:
    """HDF5 files that are each opened once and closed at the end of the `with` block."""

    def __init__(self) -> None:
        self._found: set[str] = set()

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *exception) -> None:
        READER.close(self._found)

    def ask(self, path: str, do: str, **request) -> dict:
        """Send a request about a group `file#/group` and return the answer."""
        name, _, group = path.partition("#")
        if not os.path.isfile(name):
            raise InputError(f"system {name}: no such file (relative paths start at {os.getcwd()})")
        file = os.path.abspath(name)
        self._found.add(file)
        return READER.ask(path, do=do, file=file, group=group.strip("/"), **request)[0]

    def systems(self, path: str) -> list[str]:
        """Return the addresses `file#/group` of all systems in a file or below a group of it, sorted."""
        found = self.ask(path, "systems", mark=TYPE)["groups"]
        if not found:
            raise InputError(f"system {path}: expected a dataset {TYPE} in it or in a group below it, found none")
        name, _, group = path.partition("#")
        root = f"{name}#/" + group.strip("/")
        return sorted(f"{root.rstrip('/')}/{key}".rstrip("/") for key in found)


class Group:
    """A group with the datasets `type.raw`, `set.000/coord.npy` and so on."""

    def __init__(self, path: str, files: Files) -> None:
        self.path = path
        name, _, group = path.partition("#")
        self._file, self._group = os.path.abspath(name), group.strip("/")
        found = files.ask(path, "group")
        self._names, self._sets, self._content = set(found["names"]), found["sets"], found["content"]

    def place(self, name: str) -> str:
        """Return `file#/group/name`."""
        return f"{self.path if '#' in self.path else self.path + '#'}/{name}"

    def sets(self) -> list[str]:
        """Return the names of the groups `set.*`, sorted."""
        return self._sets

    def has(self, name: str) -> bool:
        """Return whether a group or dataset of this name exists."""
        return name in self._names

    def _dataset(self, name: str) -> dict:
        found = self._content.get(name, {"error": "expected a dataset, found none"})
        if "error" in found:
            raise InputError(f"{self.place(name)}: {found['error']}")
        return found

    def words(self, name: str) -> list[str]:
        """Return integers or strings as words."""
        return self._dataset(name)["words"]

    def rows(self, name: str, memory: Memory, *, integers: bool = False) -> np.ndarray | StoredRows | DatasetRows:
        """Read a dataset of numbers; large ones stay in the file and are read on demand."""
        found, place = self._dataset(name), self.place(name)
        dtype, shape, offset = np.dtype(found["dtype"]), tuple(found["shape"]), found["offset"]
        wanted = ("iu", "integers") if integers else ("f", "float32 or float64 numbers")
        if dtype.kind not in wanted[0] or (not integers and dtype.itemsize not in (4, 8)):
            raise InputError(f"{place}: expected {wanted[1]}, got {dtype}")
        size = math.prod(shape) * dtype.itemsize
        if not size:
            return np.empty(shape, dtype)
        whole = shape and offset is not None
        stored = (
            StoredRows(self._file, dtype, shape, offset)
            if whole
            else DatasetRows(self._file, f"{self._group}/{name}", place, dtype, shape)
        )
        if not shape or (size < MAP_BYTES and memory.keep(size)):
            return stored[:]
        if whole and size >= MAP_BYTES and memory.map():
            return np.memmap(self._file, dtype=dtype, mode="r", offset=offset, shape=shape)
        return stored


class DatasetRows:
    """Rows of a dataset that is stored in chunks. They are read on demand.

    Parameters
    ----------
    file, name
        File and name of the dataset.
    place
        Address of the dataset, for messages.
    dtype, shape
        Type of the numbers, and shape: `[nrows, ncolumns]` or `[nrows]`.
    """

    def __init__(self, file: str, name: str, place: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self._file, self._name, self._place = file, name, place
        self.dtype, self.shape = dtype, shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Read rows: a slice without steps, or an array of row numbers in any order."""
        if not self.shape:
            return self._read([], False).reshape(())
        if isinstance(key, slice):
            start, stop, _ = key.indices(len(self))
            return self._read([start, stop], False)
        rows, inverse = np.unique(key, return_inverse=True)  # HDF5 requires ascending, distinct rows
        return self._read(rows.tolist(), True)[inverse]

    def _read(self, rows: list[int], ascending: bool) -> np.ndarray:
        request = {"file": self._file, "name": self._name, "rows": rows, "ascending": ascending}
        _, numbers = READER.ask(self._place, do="rows", **request)
        return np.frombuffer(numbers, dtype=self.dtype).reshape(-1, *self.shape[1:])

    def column(self) -> DatasetRows:
        """Return a vector `[nrows]` as a column `[nrows, 1]`."""
        return DatasetRows(self._file, self._name, self._place, self.dtype, (*self.shape, 1))
