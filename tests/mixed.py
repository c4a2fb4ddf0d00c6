"""The same frames as systems of mixed type, with padding atoms, and as ordinary systems of one frame each."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

NAMES = ("H", "O")
WIDTHS = {"coord": 3, "force": 3, "atom_ener": 1, "aparam": 2}
LABELS = ("energy", "force", "virial", "atom_ener", "fparam", "aparam")
EDGE = 7.0


def make_frames(nframes: int = 5, seed: int = 0, labels=LABELS, most: int = 6) -> list[dict[str, np.ndarray]]:
    """Frames of 1 to `most` atoms around the corners of a cube, the types counted as in `NAMES`."""
    rng = np.random.default_rng(seed)
    corners = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)])
    frames = []
    for number in range(nframes):
        natoms = most if number == 1 else int(rng.integers(1, most + 1))
        frame = {
            "type": rng.integers(0, 2, natoms),
            "coord": corners[:natoms] * 2.8 + rng.normal(0, 0.2, (natoms, 3)),
            "box": EDGE * np.eye(3).ravel() + rng.normal(0, 0.1, 9),
            "energy": rng.normal(size=1),
            "force": rng.normal(size=(natoms, 3)),
            "virial": rng.normal(size=9),
            "atom_ener": rng.normal(size=natoms),
            "fparam": rng.normal(size=2),
            "aparam": rng.normal(size=(natoms, 2)),
        }
        frames.append({name: frame[name] for name in ("type", "coord", "box", *labels)})
    return frames


def write_ordinary(place: Path, frames: list[dict[str, np.ndarray]]) -> list[str]:
    """One system for each frame."""
    paths = []
    for number, frame in enumerate(frames):
        folder = place / f"frame_{number}" / "set.000"
        folder.mkdir(parents=True)
        (folder.parent / "type.raw").write_text("\n".join(map(str, frame["type"])))
        (folder.parent / "type_map.raw").write_text("\n".join(NAMES))
        for name, values in frame.items():
            if name != "type":
                np.save(folder / f"{name}.npy", values.reshape(1, -1))
        paths.append(str(folder.parent))
    return paths


def write_mixed(directory: Path, frames: list[dict[str, np.ndarray]], sets=(2, 3), seed: int = 1) -> str:
    """One system of mixed type; padding atoms stand anywhere among the others, and their numbers are nonsense."""
    rng = np.random.default_rng(seed)
    width = max(len(frame["type"]) for frame in frames) + 2
    places = [np.sort(rng.permutation(width)[: len(frame["type"])]) for frame in frames]
    directory.mkdir(parents=True)
    (directory / "type.raw").write_text("\n".join(["0"] * width))
    (directory / "type_map.raw").write_text("\n".join(NAMES))
    first = 0
    for number, count in enumerate(sets):
        folder = directory / f"set.{number:03d}"
        folder.mkdir()
        mine = list(zip(frames, places, strict=True))[first : first + count]
        first += count
        types = np.full((count, width), -1)
        for row, (frame, place) in zip(types, mine, strict=True):
            row[place] = frame["type"]
        np.save(folder / "real_atom_types.npy", types)
        for name in mine[0][0]:
            if name in WIDTHS:
                values = rng.uniform(1e3, 1e6, (count, width, WIDTHS[name]))
                for row, (frame, place) in zip(values, mine, strict=True):
                    row[place] = frame[name].reshape(-1, WIDTHS[name])
                np.save(folder / f"{name}.npy", values.reshape(count, -1))
            elif name != "type":
                np.save(folder / f"{name}.npy", np.stack([frame[name] for frame, _ in mine]))
    assert first == len(frames)
    return str(directory)


def write_hdf5(path: Path, directories: dict[str, Path], **options) -> str:
    """Put directories into groups of an HDF5 file, file by file; `options` are those of large datasets."""
    with h5py.File(path, "w") as file:
        for group, directory in directories.items():
            for source in sorted(Path(directory).rglob("*")):
                name = f"{group}/{source.relative_to(directory)}".strip("/")
                if source.suffix == ".npy":
                    file.create_dataset(name, data=np.load(source), **options)
                elif source.name == "type.raw":
                    file.create_dataset(name, data=np.loadtxt(source, dtype=int, ndmin=1))
                elif source.name == "type_map.raw":
                    file.create_dataset(name, data=source.read_text().split())
                elif source.is_file():
                    file.create_dataset(name, data=True)
    return str(path)
