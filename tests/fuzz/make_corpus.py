"""Write the first inputs of every corpus: small files as the program itself writes them.

Run as ``python -m tests.fuzz.make_corpus``; inputs that fuzzing found are added by hand, named by what they do.
"""

from __future__ import annotations

import io
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import yaml

from deepmd_tf.checkpoint.manifest import FORMAT
from deepmd_tf.data import load_systems
from deepmd_tf.statistics import StoredSurveys, survey

from ..mixed import write_hdf5
from ..models import VARIANTS, model_config, model_input, native_graph, portable_graph, random_parameters
from ..runs import write_data, write_input
from .targets import CHECKPOINT_FILES, CORPUS, SYSTEM_FILES, join

TINY = {
    "type_embedding": {"neuron": [2]},
    "descriptor": {"neuron": [2], "axis_neuron": 1, "sel": [3, 4], "rcut": 3.0, "rcut_smth": 1.0},
    "fitting_net": {"neuron": [3]},
}


def save(target: str, name: str, content: bytes) -> None:
    """Write one input."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def npy(array: np.ndarray) -> bytes:
    """The bytes of a `.npy` file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_header(shape: str) -> bytes:
    """The beginning of a `.npy` file of float64 that says it has this shape."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def arrays() -> None:
    """`.npy` files, good and strange."""
    rows = np.arange(18.0).reshape(2, 9)
    save("npy", "float64", npy(rows))
    save("npy", "float32", npy(rows.astype("f4")))
    save("npy", "fortran", npy(np.asfortranarray(rows)))
    save("npy", "big_endian", npy(rows.astype(">f8")))
    save("npy", "integers", npy(rows.astype(int)))
    save("npy", "nothing", npy(rows[:0]))
    save("npy", "structured", npy(np.zeros(2, [("a", "f8"), ("b", "f4")])))
    for name, shape in (
        ("terabytes", "(9999999999, 9)"),
        ("beyond_integers", f"(0, {10**30})"),
        ("negative", "(-2, -9)"),
        ("many_axes", str((0,) * 100)),
        ("expression", "(1 for _ in ())"),
        ("true", "(0, True, 9)"),
    ):
        save("npy", name, npy_header(shape) + rows.tobytes())
    save("npy", "long_header", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + npy_header("(2, 9)")[10:])


def systems() -> None:
    """Systems, and the two files of species alone."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        write_data(place)
        system = place / "data_1"
        files = [(system / ("set.000" if n.endswith(".npy") else ".") / n).read_bytes() for n in SYSTEM_FILES[:-1]]
        write_hdf5(place / "data.hdf5", {"water": str(system)})
        save("hdf5", "periodic", (place / "data.hdf5").read_bytes())
        write_hdf5(place / "chunked.hdf5", {"water": str(system)}, chunks=True, compression="gzip", shuffle=True)
        save("hdf5", "compressed", (place / "chunked.hdf5").read_bytes())
    frame = (
        '2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 pbc="T T T"\n'
        "O 0 0 0 0.1 0 0\nH 1 0 0 -0.1 0 0\n"
    )
    save("xyz", "two_frames", (frame + frame.replace("-1.5", "-1.25")).encode())
    save("xyz", "open", b'1\nProperties=species:S:1:pos:R:3 pbc="F F F"\nO 0 0 0\n')
    save("xyz", "a_billion_atoms", b"999999999\n\nO 0 0 0\n")
    files.append(npy(np.array([[0, 1, 1], [1, 0, -1], [0, 0, 0]])))
    save("system", "periodic", b"\x3f" + join(files))
    save("system", "open", b"\xb7" + join(files))
    save("system", "without_names", b"\x3d" + join(files))
    save("system", "mixed", b"\x7f" + join(files))
    save("species", "names", join([b"0 1 1\n", b"O\nH\n"]))
    save("species", "other_order", join([b"0\n0\n1\n1\n", b"H O\n"]))
    save("species", "unknown", join([b"0 1 2 -1 1_0 9999999999", b"O Na H"]))


def inputs() -> None:
    """Input files."""
    for name in ("base", "plain_one_side", "radial_one_side", "pairs"):
        if name == "base" or name in VARIANTS:
            data = model_input({} if name == "base" else VARIANTS[name])
            save("json", name, json.dumps(data).encode())
            save("yaml", name, yaml.safe_dump(data).encode())
    with tempfile.TemporaryDirectory() as directory:
        save("json", "training", write_input(Path(directory)).read_bytes())
    save("json", "digits", b'{"model": ' + b"9" * 5000 + b"}")
    save("json", "infinite", b'{"training": {"numb_steps": 1e999}, "loss": {"start_pref_e": -1e999}}')
    save("json", "surrogate", b'{"model": {"type_map": ["\\ud800", "\\u0000"]}}')
    aliases = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    save("yaml", "aliases", b"a: &a [1, 1]\n" + aliases.encode())
    save("yaml", "itself", b"model: &m {type_map: *m}\n")
    save("yaml", "merge", b"a: &a {b: 1}\nmodel: {<<: *a, type_map: [No, 1e-3]}\n")
    many = [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}]}}" for k in range(1, 12)]
    save("yaml", "merges", "\n".join(["a0: &a0 {x: 1}", *many]).encode())
    save("yaml", "key_of_many", b"a: &a [1, 1]\n" + aliases.encode() + b"*i : 1\n")
    save("yaml", "digits", b"model: " + b"9" * 5000)


def curves() -> None:
    """Learning curves."""
    save("lcurve", "good", b"#  step rmse_trn lr\n     1  1.0e-1 1e-3\n 2 nan 1e-4\n")
    save("lcurve", "other_columns", b"# step rmse_val rmse_trn rmse_e_trn lr\n# note\n5 1 2 3 4\n")
    save("lcurve", "blank_header", b"#\x1d\x1d\n\n\x1d\n")
    save("lcurve", "digits", b"# step rmse_trn lr\n" + b"9" * 5000 + b" 1 1\n")


def boxes() -> None:
    """Frames for the neighbor search."""
    coord = np.array([[0, 0, 0], [1, 0, 0], [0, 1.2, 0], [2.5, 2.5, 2.5]], float)
    for name, flags, cell in (
        ("cubic", 7, 5 * np.eye(3)),
        ("small", 7, 0.9 * np.eye(3)),
        ("triclinic", 15, np.array([[5, 0, 0], [1, 4, 0], [-1, 2, 6.0]])),
        ("slab", 3, np.diag([4.0, 4.0, 0.0])),
        ("wire", 4, np.diag([0.0, 0.0, 3.0])),
        ("open", 0, np.zeros((3, 3))),
        ("flat", 7, np.ones((3, 3))),
        ("tiny", 7, 1e-4 * np.eye(3)),
    ):
        save("neighbors", name, bytes([flags, 29]) + cell.tobytes() + coord.tobytes())
    save("neighbors", "far", bytes([7, 29]) + (5 * np.eye(3)).tobytes() + (1e11 * coord).tobytes())


def graphs() -> None:
    """Frozen graphs of the smallest models."""
    config = model_config(TINY)
    values = random_parameters(config).values()
    save("graph", "portable", portable_graph(config, values, 0.9).SerializeToString(deterministic=True))
    native = native_graph(config, values, 0.9)
    for node in native.node:  # a table of two panels instead of hundreds keeps the file small
        if node.name.endswith("/table"):
            table = tf.make_ndarray(node.attr["value"].tensor)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(table[:, :2]))
    save("graph", "native", native.SerializeToString(deterministic=True))
    big = tf.compat.v1.GraphDef()
    big.CopyFrom(native)
    for node in big.node:
        if node.name.endswith("bias"):
            tensor = node.attr["value"].tensor
            tensor.tensor_content = b""
            tensor.double_val[:] = [1.0]
            del tensor.tensor_shape.dim[:]
            tensor.tensor_shape.dim.add(size=2**27)
    save("graph", "gigabytes", big.SerializeToString(deterministic=True))


def checkpoints() -> None:
    """A checkpoint of two variables."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        variables = {"net/matrix": tf.Variable([[1.0, 2.0]], dtype=tf.float64), "net/bias": tf.Variable([1.0])}
        tf.train.Checkpoint(parameters=variables).write(str(place / "state"))
        (place / "config.json").write_text(json.dumps({"model": {"type_map": ["O", "H"]}}))
        files = [(place / name).read_bytes() for name in CHECKPOINT_FILES]
    manifest = {
        "format": FORMAT,
        "serial": 1,
        "step": 1,
        "metadata": {"best": 1.5},
        "sha256": {name: f"<{name}>" for name in CHECKPOINT_FILES},
        "checksum": "<manifest>",
    }
    save("checkpoint", "good", join([json.dumps(manifest).encode(), *files]))
    first = {key: value for key, value in manifest.items() if key != "checksum"} | {"format": 1}
    save("checkpoint", "first_format", join([json.dumps(first).encode(), *files]))
    del manifest["sha256"]["state.index"]
    save("checkpoint", "unlisted", join([json.dumps(manifest).encode(), *files]))


def statistics() -> None:
    """Files of statistics, whose checksums the reader of the fuzzer fills in."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        write_data(place)
        data = load_systems(str(place), ("O", "H"))
        weights = [np.ones(system.nframes) for system in data]
        path = place / "statistics.json"
        stored = StoredSurveys(str(path), data)
        for rcut in (4.0, 0.1):
            stored.keep(weights, (rcut, 0.0, ()), survey(data, 2, rcut, 0.0), 0.0)
        content = json.loads(path.read_text())
    save("statistics", "two_surveys", json.dumps({**content, "checksum": "<checksum>"}).encode())
    for name, surveys in (
        ("list", []),
        ("numbers", {"a": 1}),
        ("missing", {"a": {"centers": [1]}}),
        ("digits", {"a": {"centers": [10**400], "sums": [[0] * 4], "max_neighbors": [0], "min_distance": None}}),
        ("deep", {"a": json.loads("[" * 90 + "]" * 90)}),
    ):
        save("statistics", name, json.dumps({**content, "checksum": "<checksum>", "surveys": surveys}).encode())


if __name__ == "__main__":
    for make in (arrays, systems, inputs, curves, boxes, graphs, checkpoints, statistics):
        make()
