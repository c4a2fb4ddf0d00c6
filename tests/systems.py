"""Systems of labeled frames on disk, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmd_tf.data import System, load_system

TYPE_MAP = ("O", "H", "C")


def save_system(
    directory: Path, types, coord: np.ndarray, cells: np.ndarray | None = None, *, type_map=TYPE_MAP, **labels
) -> System:
    """Write frames as a system and open it.

    Parameters
    ----------
    directory : Path
        To be made.
    types : sequence of int
        Of the atoms.
    coord : ndarray
        Å ``[nframes, natoms, 3]``.
    cells : ndarray, optional
        Å ``[nframes, 3, 3]``; open without.
    type_map : sequence of str
        The model's.
    **labels : ndarray
        Other arrays, by the name of their file, one row per frame.
    """
    folder = directory / "set.000"
    folder.mkdir(parents=True)
    (directory / "type.raw").write_text("\n".join(map(str, types)) + "\n")
    (directory / "type_map.raw").write_text("\n".join(type_map) + "\n")
    if cells is None:
        (directory / "nopbc").touch()
    else:
        np.save(folder / "box.npy", np.reshape(cells, (len(coord), 9)))
    np.save(folder / "coord.npy", np.reshape(coord, (len(coord), -1)))
    for name, values in labels.items():
        np.save(folder / f"{name}.npy", np.reshape(values, (len(coord), -1)))
    return load_system(directory, type_map)
