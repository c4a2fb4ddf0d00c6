"""Malformed data through `dp train`, `dp test` and `dp neighbor-stat`."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from ..runs import write_input, write_system
from .refusals import refused

SET = Path("data_1/set.000")


def edit(name, change):
    """A function that replaces an array of the set by what `change` returns, or changes in place."""

    def apply():
        array = np.load(SET / name)
        result = change(array)
        np.save(SET / name, array if result is None else result)

    return apply


def put(value, *where):
    return lambda array: array.__setitem__(where, value)


def write(path, content: bytes):
    return lambda: Path(path).write_bytes(content)


def cut(name, size):
    return lambda: (SET / name).write_bytes((SET / name).read_bytes()[:size])


def save_pickled():
    np.save(SET / "coord.npy", np.array([{"x": 1}, None], dtype=object), allow_pickle=True)


def coincide(array):
    array[1, 3:6] = array[1, :3]


def flatten(array):
    array[1, 6:] = array[1, :3] + array[1, 3:6]


DATA = {
    "coord nan": (edit("coord.npy", put(np.nan, 2, 4)), ["coord.npy", "frame 2, atom 1, component 1", "finite", "nan"]),
    "force inf": (edit("force.npy", put(np.inf, 0, 0)), ["force.npy", "frame 0, atom 0", "finite", "inf"]),
    "energy nan": (edit("energy.npy", put(np.nan, 1)), ["energy.npy", "frame 1", "finite", "nan"]),
    "box inf": (edit("box.npy", put(-np.inf, 1, 0)), ["box.npy", "frame 1", "finite", "-inf"]),
    "virial nan": (edit("virial.npy", put(np.nan, 1, 8)), ["virial.npy", "frame 1, component 8", "finite"]),
    "cell of zeros": (edit("box.npy", put(0.0, 1)), ["box.npy", "frame 1", "volume", "nopbc"]),
    "flat cell": (edit("box.npy", flatten), ["box.npy", "frame 1", "volume"]),
    "coord of other atoms": (edit("coord.npy", lambda a: a[:, :6]), ["coord.npy", "(nframes, 9)", "3 atoms", "(3, 6)"]),
    "box of six": (edit("box.npy", lambda a: a[:, :6]), ["box.npy", "(nframes, 9)", "(3, 6)"]),
    "box of one frame": (edit("box.npy", lambda a: a[:1]), ["box.npy", "expected 3 rows", "got 1"]),
    "force in three axes": (edit("force.npy", lambda a: a.reshape(3, 3, 3)), ["force.npy", "(3, 3, 3)"]),
    "energies missing": (edit("energy.npy", lambda a: a[:-1]), ["energy.npy", "expected 3 rows", "got 2"]),
    "two energies a frame": (edit("energy.npy", lambda a: np.stack([a, a], 1)), ["energy.npy", "(3, 2)"]),
    "no frames": (edit("coord.npy", lambda a: a[:0]), ["coord.npy", "at least one frame"]),
    "integers": (edit("coord.npy", lambda a: a.astype(int)), ["coord.npy", "float32 or float64", "int64"]),
    "complex": (edit("force.npy", lambda a: a + 0j), ["force.npy", "float32 or float64", "complex128"]),
    "float16": (edit("energy.npy", lambda a: a.astype("f2")), ["energy.npy", "float32 or float64", "float16"]),
    "truncated": (cut("coord.npy", 200), ["coord.npy", "truncated", "got 200"]),
    "truncated in the header": (cut("coord.npy", 40), ["coord.npy", "damaged .npy header"]),
    "empty file": (write(SET / "coord.npy", b""), ["coord.npy", "expected a NumPy .npy file", "empty file"]),
    "text": (write(SET / "coord.npy", b"0 0 0\n"), ["coord.npy", "expected a NumPy .npy file", "0 0 0"]),
    "pickle": (write(SET / "coord.npy", pickle.dumps([1.0])), ["coord.npy", "expected a NumPy .npy file"]),
    "pickled array": (save_pickled, ["coord.npy", "pickled Python objects", "never loaded"]),
    "coord missing": (lambda: (SET / "coord.npy").unlink(), ["data_1/set.000", "expected coord.npy"]),
    "box missing": (lambda: (SET / "box.npy").unlink(), ["data_1/set.000", "expected box.npy", "nopbc"]),
    "no sets": (lambda: shutil.rmtree(SET), ["data_1", "set.000", "found none"]),
    "label in one set only": (
        lambda: shutil.copytree(SET, "data_1/set.001", ignore=shutil.ignore_patterns("force.npy")),
        ["set.001", "expected force.npy", "same labels"],
    ),
    "mixed type": (
        lambda: np.save(SET / "real_atom_types.npy", np.full((3, 3), 5)),
        ["real_atom_types.npy", "frame 0, atom 0", "0 to 1", "got 5"],
    ),
    "type.raw empty": (write("data_1/type.raw", b"\n"), ["data_1/type.raw", "one integer per atom", "empty"]),
    "type.raw of names": (
        write("data_1/type.raw", b"O H H"),
        ["data_1/type.raw", "atom 0", "expected an integer", "'O'"],
    ),
    "type beyond the names": (write("data_1/type.raw", b"0 1 2"), ["data_1/type.raw", "atom 2", "0 to 1", "got 2"]),
    "type negative": (write("data_1/type.raw", b"0 1 -1"), ["data_1/type.raw", "atom 2", "0 to 1", "got -1"]),
    "too many types": (write("data_1/type.raw", b"0 1 1 1"), ["coord.npy", "4 atoms", "(3, 9)"]),
    "unknown element": (
        write("data_1/type_map.raw", b"O Hx"),
        ["type_map.raw", "'Hx'", "['O', 'H']", "model.type_map"],
    ),
    "element twice": (write("data_1/type_map.raw", b"O O"), ["type_map.raw", "'O' more than once"]),
    "atoms coincide": (edit("coord.npy", coincide), ["data_1", "frame 1", "atoms 0 and 1 coincide"]),
}


@pytest.mark.parametrize("kind", DATA)
def test_a_system(finished, kind):
    damage, words = DATA[kind]
    damage()
    refused(finished, ["train", "input.json"], words)


@pytest.mark.parametrize(
    "kind", ["coord nan", "truncated", "pickled array", "unknown element", "no sets", "type.raw empty"]
)
def test_other_commands_refuse_the_same(finished, kind):
    damage, words = DATA[kind]
    damage()
    refused(finished, ["test", "-m", "graph.pb", "-s", "data_1", "--plot", "p.png", "-d", "detail"], words[:-1])
    refused(finished, ["neighbor-stat", "-s", "data_1", "-r", "4", "-t", "O", "H"], words[:-1])


SYSTEMS = {
    "missing directory": (["data_0", "data_9"], ["data_9", "no such directory", "current directory"]),
    "file": (["input.json"], ["input.json", "expected a directory", "got a file"]),
    "nothing below": (["empty"], ["empty", "type.raw", "found none"]),
    "hdf5": (["data.hdf5#/water"], ["data.hdf5", "no such file", "relative paths"]),
}


@pytest.mark.parametrize("kind", SYSTEMS)
def test_systems(finished, kind):
    systems, words = SYSTEMS[kind]
    (finished / "empty").mkdir()
    write_input(finished, {"training.training_data.systems": systems})
    refused(finished, ["train", "input.json"], words)
    refused(finished, ["test", "-m", "graph.pb", "-s", *systems], words)
    refused(finished, ["neighbor-stat", "-s", *systems, "-r", "4", "-t", "O", "H"], words)


def test_validation_systems(finished):
    write_input(finished, {"training.validation_data.systems": ["data_9"]})
    refused(finished, ["train", "input.json"], ["data_9", "no such directory"])


def test_no_labels_to_learn_from(finished):
    write_system(finished / "bare", labels=())
    write_input(finished, {"training.training_data.systems": ["bare"]})
    refused(finished, ["train", "input.json"], ["training.training_data", "energy.npy, force.npy"])
    refused(finished, ["test", "-m", "graph.pb", "-s", "bare"], ["bare", "energy.npy, force.npy or virial.npy"])


def test_parameters_that_the_model_takes_are_missing(finished):
    write_input(finished, {"model.fitting_net.numb_fparam": 2})
    refused(finished, ["train", "input.json"], ["data_0", "2 numbers per frame in fparam.npy", "no fparam.npy"])


def test_parameters_of_another_width(finished, rng):
    np.save(SET / "aparam.npy", rng.normal(size=(3, 6)))
    write_input(finished, {"model.fitting_net.numb_aparam": 1, "training.training_data.systems": ["data_1"]})
    refused(finished, ["train", "input.json"], ["data_1", "1 numbers per atom in aparam.npy", "2 per row"])
