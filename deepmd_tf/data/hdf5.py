"""Systems in HDF5 files: the tree of a directory inside a file, addressed as `file.hdf5#/group`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from deepmd_tf.data.memory import Memory
from deepmd_tf.data.npy import MAP_BYTES
from deepmd_tf.data.tree import TYPE
from deepmd_tf.errors import InputError

SUFFIXES = (".hdf5", ".h5")
_MOST_TEXT = 2**28  # bytes of type.raw or type_map.raw


def is_hdf5(path: str) -> bool:
    """Whether a place in `systems` is meant to be in an HDF5 file."""
    return path.partition("#")[0].endswith(SUFFIXES) or "#" in path


class Files:
    """HDF5 files, each opened once."""

    def __init__(self) -> None:
        self._files: dict[str, object] = {}

    def open(self, path: str):
        """Return the open file."""
        import h5py

        if path not in self._files:
            if not os.path.isfile(path):
                raise InputError(f"system {path}: no such file (relative paths start at {os.getcwd()})")
            with _readable(path):
                self._files[path] = h5py.File(path, "r")
        return self._files[path]

    def systems(self, path: str) -> list[str]:
        """Return the places `file#/group` of all systems in a file, or below a group of it, in sorted order."""
        name, _, group = path.partition("#")
        file = self.open(name)
        found: list[str] = []
        with _readable(path):
            inside = _get(file, group, path)
            inside.visit(lambda key: found.append(key) if key.rpartition("/")[2] == TYPE else None)
        if not found:
            raise InputError(f"system {path}: expected a dataset {TYPE} in it or in a group below it, found none")
        root = f"{name}#/" + group.strip("/")
        return sorted(f"{root.rstrip('/')}/{key.removesuffix(TYPE).rstrip('/')}".rstrip("/") for key in found)


def _get(file, name: str, path: str):
    """Return a group; the empty name and `/` are the file itself."""
    import h5py

    name = name.strip("/")
    found = file.get(name) if name else file
    if not isinstance(found, h5py.Group):
        kind = "got a dataset" if found is not None else f"it has {', '.join(list(file)[:8]) or 'nothing'}"
        raise InputError(f"system {path}: expected a group of this name in the file, {kind}")
    return found


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Turn what the HDF5 library says of damaged files into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{place}: cannot be read as HDF5: {reason}") from None


class Group:
    """A group with the datasets `type.raw`, `set.000/coord.npy` and so on."""

    def __init__(self, path: str, files: Files) -> None:
        self.path = path
        name, _, group = path.partition("#")
        file = files.open(name)
        with _readable(path):
            self._group = _get(file, group, path)
            self._names = set(self._group)
            self._sets = sorted(
                key for key in self._names if key.startswith("set.") and hasattr(self._group[key], "keys")
            )
            for folder in self._sets:
                self._names.update(f"{folder}/{key}" for key in self._group[folder])

    def place(self, name: str) -> str:
        """Return `file#/group/name`."""
        return f"{self.path if '#' in self.path else self.path + '#'}/{name}"

    def sets(self) -> list[str]:
        """Names of the groups `set.*`, in sorted order."""
        return self._sets

    def has(self, name: str) -> bool:
        """Whether there is something of this name."""
        return name in self._names

    def _dataset(self, name: str):
        import h5py

        with _readable(self.place(name)):
            found = self._group.get(name)
            if not isinstance(found, h5py.Dataset):
                raise InputError(
                    f"{self.place(name)}: expected a dataset, found {'none' if found is None else 'a group'}"
                )
            if found.is_virtual or found.external or found.file.filename != self._group.file.filename:
                raise InputError(f"{self.place(name)}: expected numbers in this file, got a reference to other files")
            return found

    def words(self, name: str) -> list[str]:
        """Read integers or strings, each a word."""
        dataset = self._dataset(name)
        with _readable(self.place(name)):
            if dataset.nbytes > _MOST_TEXT:
                raise InputError(f"{self.place(name)}: expected a few numbers or names, got shape {dataset.shape}")
            values = dataset[()]
            words = [w.decode("utf-8") if isinstance(w, bytes) else str(w) for w in np.ravel(values).tolist()]
        return [part for word in words for part in word.split()]

    def rows(self, name: str, memory: Memory, *, integers: bool = False) -> np.ndarray | DatasetRows:
        """Read a dataset of numbers, or leave a large one in the file."""
        dataset, place = self._dataset(name), self.place(name)
        wanted = ("iu", "integers") if integers else ("f", "float32 or float64 numbers")
        with _readable(place):
            dtype, shape = dataset.dtype, dataset.shape
        if dtype.kind not in wanted[0] or (not integers and dtype.itemsize not in (4, 8)):
            raise InputError(f"{place}: expected {wanted[1]}, got {dtype}")
        size = math.prod(shape) * dtype.itemsize
        if not shape or (size < MAP_BYTES and memory.keep(size)):
            with _readable(place):
                return np.asarray(dataset[()])
        return DatasetRows(dataset, place)


class DatasetRows:
    """Rows of a dataset that are read when they are asked for.

    Parameters
    ----------
    dataset
        Of an open file, `[nrows, ncolumns]` or `[nrows]`.
    place
        Where it is, for messages.
    """

    def __init__(self, dataset, place: str) -> None:
        self._dataset, self._place = dataset, place
        self.dtype, self.shape = dataset.dtype, dataset.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Read rows: a slice without steps, or an array of row numbers in any order."""
        with _readable(self._place):
            if isinstance(key, slice):
                found = self._dataset[key]
            else:
                rows, inverse = np.unique(key, return_inverse=True)  # HDF5 wants them ascending and different
                found = self._dataset[rows][inverse]
            return found.reshape(-1, *self.shape[1:])

    def column(self) -> DatasetRows:
        """Return a vector `[nrows]` as a column `[nrows, 1]`."""
        result = DatasetRows(self._dataset, self._place)
        result.shape = (*self.shape, 1)
        return result
