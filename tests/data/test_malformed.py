"""Every malformed system is one `InputError` that names file, frame and atom, what was expected and what was found."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest

from deepmd_tf.data import load_system, load_systems
from deepmd_tf.errors import InputError

from .conftest import TYPE_MAP, write_system


def put(row, column, value):
    def change(array):
        array[row, column] = value
        return array

    return change


# file, what becomes of its array, words that the message must have
ARRAYS = {
    "coord nan": ("set.001/coord.npy", put(2, 4, np.nan), ["frame 2", "atom 1", "component 1", "finite", "nan"]),
    "coord inf": ("set.000/coord.npy", put(1, 8, np.inf), ["frame 1", "atom 2", "component 2", "finite", "inf"]),
    "force nan": ("set.000/force.npy", put(0, 0, np.nan), ["frame 0", "atom 0", "component 0", "nan"]),
    "energy nan": ("set.000/energy.npy", lambda e: np.where(e == 3, np.nan, e), ["frame 3", "finite", "nan"]),
    "virial inf": ("set.000/virial.npy", put(2, 7, -np.inf), ["frame 2", "component 7", "-inf"]),
    "box nan": ("set.000/box.npy", put(1, 0, np.nan), ["frame 1", "component 0", "nan"]),
    "box zero": ("set.001/box.npy", put(1, slice(None), 0.0), ["frame 1", "span a volume", "nopbc"]),
    "box flat": ("set.000/box.npy", put(3, slice(6, 9), [8.0, 0, 0]), ["frame 3", "span a volume"]),
    "coord of another system": (
        "set.000/coord.npy",
        lambda c: np.tile(c, 2),
        ["expected shape (nframes, 9)", "3 atoms", "(4, 18)"],
    ),
    "coord in three dimensions": ("set.000/coord.npy", lambda c: c.reshape(4, 3, 3), ["(nframes, 9)", "(4, 3, 3)"]),
    "force too short": ("set.000/force.npy", lambda f: f[:3], ["expected 4 rows", "coord.npy", "got 3"]),
    "energy of atoms": ("set.000/energy.npy", lambda e: np.zeros((4, 3)), ["(nframes,) or (nframes, 1)", "(4, 3)"]),
    "virial of six": ("set.000/virial.npy", lambda v: v[:, :6], ["(nframes, 9)", "(4, 6)"]),
    "box of three": ("set.000/box.npy", lambda b: b[:, :3], ["(nframes, 9)", "(4, 3)"]),
    "scalar": ("set.000/energy.npy", lambda e: np.float64(1.0), ["(nframes,)", "got ()"]),
    "no frames": ("set.000/coord.npy", lambda c: c[:0], ["at least one frame", "(0, 9)"]),
    "integers": ("set.000/coord.npy", lambda c: c.astype(int), ["float32 or float64", "int64", "astype"]),
    "half precision": ("set.000/force.npy", lambda f: f.astype(np.float16), ["float32 or float64", "float16"]),
    "complex": ("set.000/energy.npy", lambda e: e.astype(complex), ["float32 or float64", "complex128"]),
    "strings": ("set.000/energy.npy", lambda e: e.astype(str), ["float32 or float64"]),
    "objects": ("set.000/coord.npy", lambda c: c.astype(object), ["float32 or float64", "pickled"]),
}


@pytest.mark.parametrize(("name", "change", "words"), ARRAYS.values(), ids=ARRAYS)
def test_bad_array(edit, system_dir, name, change, words):
    path = edit(name, change)
    with pytest.raises(InputError) as caught:
        load_system(system_dir, TYPE_MAP)
    for word in (str(path), *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def cut(fraction):
    return lambda content: content[: int(len(content) * fraction)]


FILES = {
    "truncated": (cut(0.8), ["truncated", "bytes", "(4, 9)"]),
    "truncated header": (cut(0.1), ["header"]),
    "empty": (cut(0), ["empty file", "numpy.save"]),
    "text": (lambda _: b"1.0 2.0 3.0\n", [".npy file", "b'1.0 2."]),
    "pickle": (lambda _: pickle.dumps([1, 2, 3]), [".npy file"]),
    "zip": (lambda _: b"PK\x03\x04 and so on", [".npy file"]),
    "version": (lambda content: content[:6] + b"\x09\x00" + content[8:], ["header", "9.0"]),
    "header of nonsense": (lambda content: content.replace(b"'shape'", b"'shpae'"), ["header"]),
    "negative shape": (lambda content: content.replace(b"(4, 9)", b"(-4,9)"), ["header", "-4"]),
    "shape too large": (lambda content: content.replace(b"(4, 9), ", b"(44, 9),"), ["truncated", "(44, 9)"]),
}


@pytest.mark.parametrize(("change", "words"), FILES.values(), ids=FILES)
def test_bad_file(system_dir, change, words):
    path = system_dir / "set.000/coord.npy"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        load_system(system_dir, TYPE_MAP)
    for word in (str(path), *words):
        assert word in str(caught.value)


TYPES = {
    "not an integer": ("type.raw", "0\n1\nH\n", ["type.raw", "atom 2", "integer", "'H'"]),
    "fraction": ("type.raw", "0 1.5 1", ["type.raw", "atom 1", "'1.5'"]),
    "huge": ("type.raw", "0 1 99999999999999999999", ["type.raw", "atom 2", "integer"]),
    "empty": ("type.raw", "\n", ["type.raw", "one integer per atom", "empty"]),
    "binary": ("type.raw", b"\xff\xfe\x00", ["type.raw", "text"]),
    "outside type_map.raw": ("type.raw", "0 1 2", ["type.raw", "atom 2", "0 to 1", "type_map.raw", "got 2"]),
    "negative": ("type.raw", "0 1 -1", ["type.raw", "atom 2", "got -1"]),
    "too few atoms": ("type.raw", "0 1", ["coord.npy", "2 atoms", "(4, 9)"]),
    "unknown species": (
        "type_map.raw",
        "O\nHh\n",
        ["type_map.raw", "'Hh'", "atom 1", "['O', 'H']", "did you mean 'H'"],
    ),
    "species twice": ("type_map.raw", "O\nO\n", ["type_map.raw", "'O' more than once"]),
}


@pytest.mark.parametrize(("name", "text", "words"), TYPES.values(), ids=TYPES)
def test_bad_types(system_dir, name, text, words):
    (system_dir / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        load_system(system_dir, TYPE_MAP)
    for word in words:
        assert word in str(caught.value)


def test_type_outside_the_model(tmp_path):
    directory = write_system(tmp_path / "s", types=(0, 1, 2), names=None)
    with pytest.raises(InputError, match=r"atom 2 .*from 0 to 1, because the model's type_map .* got 2"):
        load_system(directory, TYPE_MAP)


LAYOUTS = {
    "no coord": (lambda d: (d / "set.001/coord.npy").unlink(), ["set.001", "coord.npy", "found none"]),
    "no box": (lambda d: (d / "set.000/box.npy").unlink(), ["set.000", "box.npy", "found none", "nopbc"]),
    "label in one set only": (
        lambda d: (d / "set.001/force.npy").unlink(),
        ["set.001", "force.npy", "set.000", "the same labels"],
    ),
    "no sets": (lambda d: [shutil.rmtree(s) for s in d.glob("set.*")], ["system", "set.000", "found none"]),
    "raw files only": (
        lambda d: ([shutil.rmtree(s) for s in d.glob("set.*")], (d / "coord.raw").touch()),
        ["coord.raw", "convert"],
    ),
    "mixed type in one set only": (
        lambda d: np.save(d / "set.000/real_atom_types.npy", np.zeros((4, 3), int)),
        ["set.001", "expected real_atom_types.npy", "set.000"],
    ),
    "fparam of two widths": (
        lambda d: [np.save(d / f"set.00{i}/fparam.npy", np.zeros((4 - i, 1 + i))) for i in range(2)],
        ["set.001/fparam.npy", "1 columns", "got 2"],
    ),
    "aparam that does not divide": (
        lambda d: [np.save(d / f"set.00{i}/aparam.npy", np.zeros((4 - i, 4))) for i in range(2)],
        ["aparam.npy", "k * 3", "(4, 4)"],
    ),
}


@pytest.mark.parametrize(("change", "words"), LAYOUTS.values(), ids=LAYOUTS)
def test_bad_layout(system_dir, change, words):
    change(system_dir)
    with pytest.raises(InputError) as caught:
        load_system(system_dir, TYPE_MAP)
    for word in words:
        assert word in str(caught.value)


def test_no_such_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for paths in ("nowhere", ["nowhere"]):
        with pytest.raises(InputError, match=r"system nowhere: .*no such directory.*current directory, .*"):
            load_systems(paths, TYPE_MAP)


def test_directory_without_systems(tmp_path):
    with pytest.raises(InputError, match=r"type\.raw .*found none"):
        load_systems([tmp_path], TYPE_MAP)


def test_file_instead_of_directory(tmp_path):
    (tmp_path / "data").touch()
    with pytest.raises(InputError, match=r"expected a directory, an HDF5 file .*, got a file"):
        load_systems(str(tmp_path / "data"), TYPE_MAP)


def test_no_systems():
    with pytest.raises(InputError, match="at least one directory"):
        load_systems([], TYPE_MAP)
