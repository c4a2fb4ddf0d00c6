"""HDF5 files hold what directories hold."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from deepmd_tf.data import feed, load_system, load_systems
from deepmd_tf.data import hdf5 as hdf5_module
from deepmd_tf.data import npy as npy_module
from deepmd_tf.data.hdf5 import DatasetRows
from deepmd_tf.data.memory import Memory, available
from deepmd_tf.errors import InputError
from deepmd_tf.untrusted.hdf5_process import READER

from ..mixed import make_frames, write_hdf5, write_mixed
from .conftest import TYPE_MAP, write_system

LABELS = ("energy", "force", "virial", "atom_ener", "fparam", "aparam")
STORED = {"whole": {}, "chunked": {"chunks": True}, "compressed": {"compression": "gzip", "shuffle": True}}


@pytest.fixture
def directories(tmp_path):
    return {
        "water/liquid": write_system(tmp_path / "a", labels=LABELS),
        "water/gas": write_system(tmp_path / "b", types=(1, 0, 1, 0, 1), periodic=False, labels=["energy"], seed=1),
        "mixed": write_mixed(tmp_path / "c", make_frames()),
    }


def assert_same(found, expected, indices):
    arrays = feed([found.frames(indices)])
    for name, values in feed([expected.frames(indices)]).items():
        np.testing.assert_array_equal(arrays[name], values, err_msg=name)


@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
@pytest.mark.parametrize("options", STORED.values(), ids=STORED)
def test_the_same_as_directories(tmp_path, directories, options, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(hdf5_module, "MAP_BYTES", 0)
    path = write_hdf5(tmp_path / "data.hdf5", directories, **options)
    found = load_systems(path, TYPE_MAP)
    assert [system.path for system in found] == [f"{path}#/{group}" for group in sorted(directories)]
    for system, group in zip(found, sorted(directories), strict=True):
        expected = load_system(directories[group], TYPE_MAP)
        assert (system.natoms, system.nframes, system.periodic, system.labels) == (
            expected.natoms,
            expected.nframes,
            expected.periodic,
            expected.labels,
        )
        for indices in ([4, 0, 2, 0], slice(1, 3), None):
            assert_same(system, expected, indices)


def test_addresses(tmp_path, directories, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hdf5(tmp_path / "data.h5", directories)
    write_hdf5(tmp_path / "root.h5", {"": directories["water/gas"]})

    def paths(*places):
        return [system.path for system in load_systems(places, TYPE_MAP)]

    assert paths("data.h5#/mixed", "data.h5#water/gas") == ["data.h5#/mixed", "data.h5#/water/gas"]
    assert paths("data.h5#/water") == ["data.h5#/water/gas", "data.h5#/water/liquid"]
    assert paths("data.h5#/") == paths("data.h5") == ["data.h5#/mixed", "data.h5#/water/gas", "data.h5#/water/liquid"]
    assert paths("root.h5", str(directories["mixed"])) == ["root.h5#", str(directories["mixed"])]
    assert load_system("data.h5#/water/gas", TYPE_MAP).natoms == 5


def test_types_as_bytes_and_text(tmp_path, directories):
    path = write_hdf5(tmp_path / "data.h5", directories)
    with h5py.File(path, "r+") as file:
        group = file["water/liquid"]
        del group["type_map.raw"], group["type.raw"]
        group.create_dataset("type_map.raw", data=np.array([b"O", b"H"]))
        group.create_dataset("type.raw", data=np.array([0, 1, 1], np.uint8))
    assert load_system(f"{path}#/water/liquid", TYPE_MAP).type.tolist() == [0, 1, 1]


def replaced(name, **options):
    def function(file):
        del file[name]
        if options:
            file.create_dataset(name, **options)

    return function


def reference_elsewhere(file):
    del file["s/set.000/coord.npy"]
    file["s/set.000/coord.npy"] = h5py.ExternalLink("other.h5", "x")


def half_written(file):
    del file["s/set.000/coord.npy"]
    file.create_dataset("s/set.000/coord.npy", shape=(4, 9), dtype="f8", chunks=(1, 9))[:2] = 1.0


BROKEN = {
    "no coordinates": (replaced("s/set.000/coord.npy"), ["s/set.000", "expected coord.npy"]),
    "integers": (replaced("s/set.000/energy.npy", data=np.arange(4)), ["energy.npy", "float64", "int64"]),
    "strings": (replaced("s/set.000/energy.npy", data=["a"] * 4), ["energy.npy", "expected float32 or float64"]),
    "shape": (replaced("s/set.000/force.npy", data=np.zeros((4, 6))), ["force.npy", "(nframes, 9)", "(4, 6)"]),
    "scalar": (replaced("s/set.000/energy.npy", data=1.5), ["energy.npy", "got ()"]),
    "number": (replaced("s/set.001/coord.npy", data=np.full((3, 9), np.nan)), ["s/set.001/coord.npy", "frame 0"]),
    "types": (replaced("s/type.raw", data=np.array([0, 1, 7])), ["s/type.raw", "atom 2", "got 7"]),
    "a huge array of nothing": (
        replaced("s/set.000/coord.npy", shape=(2**40, 9), dtype="f8", chunks=(1, 9)),
        ["set.000/coord.npy", "expected 1099511627776 chunks", "got 0", "not all was written"],
    ),
    "half written": (half_written, ["set.000/coord.npy", "expected 4 chunks", "got 2"]),
    "never written": (replaced("s/set.000/energy.npy", shape=(4,), dtype="f8"), ["energy.npy", "never written"]),
    "no shape": (replaced("s/set.000/energy.npy", data=h5py.Empty("f8")), ["energy.npy", "without a shape"]),
    "huge chunks": (
        replaced("s/set.000/energy.npy", shape=(4,), dtype="f4", chunks=(2**28 + 1,), maxshape=(None,)),
        ["energy.npy", "expected chunks below"],
    ),
    "a link to another file": (reference_elsewhere, ["coord.npy"]),
}


@pytest.mark.parametrize(("function", "words"), BROKEN.values(), ids=BROKEN)
def test_bad_content(tmp_path, function, words):
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")})
    with h5py.File(path, "r+") as file:
        function(file)
    with pytest.raises(InputError) as caught:
        load_systems(path, TYPE_MAP)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">f4"])
def test_formats_of_numbers(tmp_path, dtype):
    """Also behind a block of somebody else's at the beginning of the file."""
    plain, path = write_hdf5(tmp_path / "plain.h5", {"s": write_system(tmp_path / "s")}), tmp_path / "data.h5"
    with h5py.File(path, "w", userblock_size=2048) as file, h5py.File(plain) as source:
        source.copy("s", file)
        values = file["s/set.000/coord.npy"][()].astype(dtype)
        replaced("s/set.000/coord.npy", data=values)(file)
        assert file["s/set.000/coord.npy"].dtype.str == dtype
    found = load_systems(str(path), TYPE_MAP)[0]
    np.testing.assert_array_equal(found.rows("coord", np.arange(4)), values.astype(float))


def test_a_format_that_numpy_lacks(tmp_path):
    """The library converts it; the bytes in the file are not what they look like."""
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")})
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_ebias(120)
    with h5py.File(path, "r+") as file:
        group = file["s/set.000"]
        values = group["energy.npy"][()]
        del group["energy.npy"]
        space = h5py.h5s.create_simple(values.shape)
        dataset = h5py.h5d.create(group.id, b"energy.npy", kind, space)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    assert values.astype("f4").tobytes() not in (tmp_path / "data.h5").read_bytes()
    np.testing.assert_allclose(load_systems(path, TYPE_MAP)[0].frames().energy[: len(values)], values, rtol=1e-6)


def test_files_are_closed_and_may_change(tmp_path):
    """A file can be written again once it is read; what was left in it is read from the file as it is then."""
    path = write_hdf5(tmp_path / "data.h5", {"s": write_system(tmp_path / "s")}, chunks=True)
    rows = DatasetRows(path, "s/set.000/energy.npy", "energy", np.dtype("f8"), (4,))
    load_systems(path, TYPE_MAP)
    for factor in (2, 3):
        with h5py.File(path, "r+") as file:
            values = factor * file["s/set.000/energy.npy"][()]
            file["s/set.000/energy.npy"][...] = values
        np.testing.assert_array_equal(rows[:], values)
        READER.close({path})


def test_bad_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = write_hdf5(tmp_path / "good.h5", {"s": write_system(tmp_path / "s")})
    content = (tmp_path / "good.h5").read_bytes()
    (tmp_path / "text.h5").write_text("not HDF5")
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.h5").touch()
    h5py.File(tmp_path / "nothing.h5", "w").close()
    for name, words in {
        "absent.h5": "no such file",
        "absent.h5#/s": "no such file",
        "text.h5": "cannot be read as HDF5",
        "cut.h5": "cannot be read as HDF5",
        "empty.h5": "cannot be read as HDF5",
        "nothing.h5": "found none",
        f"{good}#/t": "it has s",
        f"{good}#/s/type.raw": "got a dataset",
        f"{good}#/s/set.000": "found none",
    }.items():
        with pytest.raises(InputError) as caught:
            load_systems([name], TYPE_MAP)
        assert words in str(caught.value) and name.partition("#")[0] in str(caught.value)


def test_memory_runs_out():
    memory = Memory(100, maps=1)
    assert memory.keep(60) and not memory.keep(60) and memory.keep(40) and not memory.keep(1)
    assert memory.map() and not memory.map()
    assert 2**24 < available() < 2**60


@pytest.mark.parametrize("limits", [(0, 0), (0, 1000)], ids=["all of it", "beyond the maps"])
def test_directories_without_memory(tmp_path, directories, monkeypatch, limits):
    """What does not fit the memory is read from the files when it is needed; no descriptor stays open."""
    expected = [load_system(directory, TYPE_MAP) for directory in directories.values()]
    monkeypatch.setattr("deepmd_tf.data.load.Memory", lambda: Memory(*limits))
    found = [load_system(directory, TYPE_MAP) for directory in directories.values()]
    kinds = {type(array) for system in found for rows in system._rows.values() for array in rows._arrays}
    assert kinds == {npy_module.StoredRows}
    for system, other in zip(found, expected, strict=True):
        for indices in ([4, 0, 2, 0], slice(1, 3), None):
            assert_same(system, other, indices)
    (directories["water/liquid"] / "set.000/coord.npy").write_bytes(b"")
    with pytest.raises(InputError, match="became shorter while it was in use"):
        found[0].frames([0])
