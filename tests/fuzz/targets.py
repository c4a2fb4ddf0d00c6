"""What is fuzzed: every reader of files that others wrote, as a function of bytes.

A target either returns or raises `InputError`; anything else is a defect. Inputs that hold several files are their
lengths (two bytes each) and contents one after another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmd_tf.config import config_to_dict, load_config
from deepmd_tf.data import load_system, load_systems
from deepmd_tf.data.npy import read_rows
from deepmd_tf.data.species import read_names, read_types
from deepmd_tf.data.tree import Directory
from deepmd_tf.errors import InputError
from deepmd_tf.geometry import neighbors
from deepmd_tf.statistics.inspection import view_frame
from deepmd_tf.statistics.stored import _checksum, _read, _survey
from deepmd_tf.untrusted import hdf5_process

CORPUS = Path(__file__).parent / "corpus"
MAX_WORDS = 4000
"""Characters of a message; a file must not be able to fill somebody's terminal."""

_PATIENCE = 0.05
_TYPES = ["O", "H"]
_UNIT = np.ones((2, 2))


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes
    ----------
    read : callable
        Reads the bytes; is given a directory for files.
    quick : int
        Changed inputs that the test suite tries, beside the corpus.
    tensorflow : bool
        Whether it needs TensorFlow.
    corpus : str
        The directory of its corpus where that is not of its own name.
    """

    read: Callable[[bytes, Path], object]
    quick: int = 1500
    tensorflow: bool = False
    corpus: str = ""


def memory() -> str | None:
    """A directory that costs no disk, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def accepts(target: Target, data: bytes, scratch: Path) -> bool:
    """Whether a target takes the bytes; False when it refuses them in a proper message."""
    try:
        target.read(data, scratch)
    except InputError as error:
        message = str(error)
        assert 0 < len(message) < MAX_WORDS, f"a message of {len(message)} characters"
        return False
    return True


def join(files: Sequence[bytes]) -> bytes:
    """Several files as one input."""
    return b"".join(struct.pack("<H", len(content)) + content for content in files)


def split(data: bytes, count: int) -> list[bytes]:
    """Undo `join`; what is missing at the end is empty."""
    files = []
    for _ in range(count):
        length = int.from_bytes(data[:2], "little")
        files.append(data[2 : 2 + length])
        data = data[2 + length :]
    return files


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read_npy(data: bytes, scratch: Path) -> None:
    """One `.npy` file."""
    rows = read_rows(_write(scratch / "coord.npy", data))
    assert rows.dtype.kind == "f" and rows.nbytes <= len(data)


SYSTEM_FILES = ("type.raw", "type_map.raw", "coord.npy", "box.npy", "energy.npy", "force.npy", "real_atom_types.npy")


def read_system(data: bytes, scratch: Path) -> None:
    """A system, whose first byte says which files there are, and every frame looked at as `--check-data` does."""
    present = data[0] if data else 0
    (scratch / "set.000").mkdir(exist_ok=True)
    files = zip((*SYSTEM_FILES, "nopbc"), (*split(data[1:], len(SYSTEM_FILES)), b""), strict=True)
    for number, (name, content) in enumerate(files):
        path = scratch / ("set.000" if name.endswith(".npy") else ".") / name
        if present >> number & 1:
            path.write_bytes(content)
        else:
            path.unlink(missing_ok=True)
    system = load_system(scratch, _TYPES)
    for index in range(min(system.nframes, 2)):
        if system.natoms <= 64:
            view_frame(system, index, [3.0], _UNIT)


def read_hdf5(data: bytes, scratch: Path) -> None:
    """Systems in an HDF5 file, the library's own process with less patience than usual."""
    hdf5_process.PATIENCE = _PATIENCE
    for system in load_systems(str(_write(scratch / "data.hdf5", data)), _TYPES):
        system.frames(np.arange(min(system.nframes, 2)))


def read_xyz(data: bytes, scratch: Path) -> None:
    """An extended XYZ file."""
    for system in load_systems(str(_write(scratch / "data.xyz", data)), _TYPES):
        system.frames(np.arange(min(system.nframes, 2)))


def read_species(data: bytes, scratch: Path) -> None:
    """`type.raw` and `type_map.raw`."""
    types, names = split(data, 2)
    _write(scratch / "type.raw", types)
    _write(scratch / "type_map.raw", names)
    tree, type_map = Directory(str(scratch)), tuple(_TYPES)
    result = read_types(tree, type_map, read_names(tree, type_map))
    assert ((result >= 0) & (result < 2)).all()


def read_json(data: bytes, scratch: Path) -> None:
    """An input file in JSON."""
    json.dumps(config_to_dict(load_config(_write(scratch / "input.json", data))), allow_nan=False)


def read_yaml(data: bytes, scratch: Path) -> None:
    """An input file in YAML."""
    json.dumps(config_to_dict(load_config(_write(scratch / "input.yaml", data))), allow_nan=False)


def read_lcurve(data: bytes, scratch: Path) -> None:
    """A learning curve, read to be plotted and to be continued."""
    from deepmd_tf.train.lcurve import _kept_lines, read_lcurve

    path = _write(scratch / "lcurve.out", data)
    _kept_lines(path, ["step", "rmse_trn", "lr"], 1000)
    read_lcurve(path)


def search_neighbors(data: bytes, scratch: Path) -> None:
    """A box and coordinates as numbers; the same layout as in tests/fuzz/cpp/neighbors.cc."""
    if len(data) < 2:
        return
    numbers = np.frombuffer(data[2 : 2 + (len(data) - 2) // 8 * 8])
    cell = np.zeros(9)
    cell[: len(numbers[:9])] = numbers[:9]
    coord = numbers[9 : 9 + len(numbers[9:]) // 3 * 3].reshape(-1, 3)[:8]
    types, pbc = np.arange(len(coord)) % 3, [bool(data[0] >> axis & 1) for axis in range(3)]
    neighbors.periodic(coord, types, cell.reshape(3, 3), 0.1 * (1 + data[1]), pbc)


def read_graph(data: bytes, scratch: Path) -> None:
    """A frozen graph: its operations, constants and facts."""
    from deepmd_tf.export.facts import graph_facts
    from deepmd_tf.export.graph_def import constants, read_graph_def

    path = _write(scratch / "graph.pb", data)
    graph_facts(constants(read_graph_def(path), path), path)


def run_graph(data: bytes, scratch: Path) -> None:
    """A frozen graph, imported into TensorFlow and evaluated."""
    from deepmd_tf.infer.deep_pot import DeepPot

    potential = DeepPot(_write(scratch / "graph.pb", data))
    if potential.get_ntypes() and potential.get_rcut() < 10:
        coord = np.array([[[0, 0, 0], [1, 0, 0], [0, 1.2, 0], [2.5, 2.5, 2.5]]], float)
        potential.eval(coord, 5.0 * np.eye(3)[None], np.arange(4) % potential.get_ntypes())


def read_graph_cpp(data: bytes, scratch: Path) -> None:
    """A frozen graph by the C++ reader, evaluated where it needs no TensorFlow."""
    from deepmd_tf import _api

    model = _api.DeepPot(str(_write(scratch / "graph.pb", data)))
    if model.native and model.cutoff < 10:
        types = np.arange(4, dtype=np.int32) % len(model.type_map)
        model.evaluate(np.arange(12.0).reshape(4, 3) ** 1.1, types, 12.0 * np.eye(3))


CHECKPOINT_FILES = ("config.json", "state.index", "state.data-00000-of-00001")


def read_checkpoint(data: bytes, scratch: Path) -> None:
    """A checkpoint, all its checksums made to fit, that of the list too: what somebody who wants harm would do."""
    from deepmd_tf.checkpoint.manifest import seal
    from deepmd_tf.checkpoint.stored import StoredCheckpoint

    place = scratch / "model.ckpt-1"
    place.mkdir(exist_ok=True)
    manifest, *files = split(data, 1 + len(CHECKPOINT_FILES))
    for name, content in zip(CHECKPOINT_FILES, files, strict=True):
        digest = hashlib.sha256(content).hexdigest().encode()
        manifest = manifest.replace(b"<" + name.encode() + b">", digest)
        _write(place / name, content)
    with contextlib.suppress(ValueError, AttributeError, RecursionError):  # of what is no table
        manifest = manifest.replace(b"<manifest>", seal(json.loads(manifest)).encode())
    _write(place / "manifest.json", manifest)
    StoredCheckpoint(place).values()


def read_statistics(data: bytes, scratch: Path) -> None:
    """A file of statistics, its checksum made to fit, and what a model would take from it."""
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        data = data.replace(b"<checksum>", _checksum(json.loads(data)["surveys"]).encode())
    for stored in _read(_write(scratch / "statistics.json", data)).values():
        environment = _survey(stored).environment(10, 3.0)
        assert all(np.isfinite(table).all() for table in environment.tables(10))


TARGETS: dict[str, Target] = {
    "npy": Target(read_npy, 3000),
    "system": Target(read_system, 600),
    "hdf5": Target(read_hdf5, 300),
    "xyz": Target(read_xyz, 300),
    "species": Target(read_species, 3000),
    "json": Target(read_json, 1500),
    "yaml": Target(read_yaml, 300),
    "lcurve": Target(read_lcurve, 2000),
    "neighbors": Target(search_neighbors, 3000),
    "graph": Target(read_graph, 600, tensorflow=True),
    "graph_run": Target(run_graph, 30, tensorflow=True, corpus="graph"),
    "graph_cpp": Target(read_graph_cpp, 60, tensorflow=True, corpus="graph"),
    "checkpoint": Target(read_checkpoint, 600, tensorflow=True),
    "statistics": Target(read_statistics, 2000),
}
"""Every reader by name."""


def corpus_of(name: str) -> list[bytes]:
    """The inputs that are kept for a target, in the order of their names."""
    folder = CORPUS / (TARGETS[name].corpus or name)
    return [path.read_bytes() for path in sorted(folder.iterdir())]
