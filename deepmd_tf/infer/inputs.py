"""Check the arguments of `DeepPot` and convert them to arrays of fixed shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.export.facts import GraphFacts
from deepmd_tf.geometry import COINCIDENT, neighbors
from deepmd_tf.infer.cells import isolating_cell
from deepmd_tf.infer.frame_groups import FrameGroup


@dataclass(frozen=True)
class Inputs:
    """Checked frames with equal numbers of atoms.

    Attributes
    ----------
    coord : ndarray
        Positions (Å) ``[nframes, natoms, 3]``.
    cells : ndarray or None
        Cell vectors in rows (Å) ``[nframes, 3, 3]``, periodic along all axes; None for open boundaries.
    types : ndarray
        Type indices, int ``[nframes, natoms]``.
    fparam, aparam : ndarray or None
        Frame parameters ``[nframes, 1, width]`` and atomic parameters ``[nframes, natoms, width]``; None if the model
        takes none.
    """

    coord: np.ndarray
    cells: np.ndarray | None
    types: np.ndarray
    fparam: np.ndarray | None
    aparam: np.ndarray | None

    def select(self, group: FrameGroup) -> Inputs:
        """Return the frames of a group, with the atoms in the order of the group."""

        def pick(values: np.ndarray | None, of_atoms: bool = True) -> np.ndarray | None:
            if values is None or group.order is None or not of_atoms:
                return None if values is None else values[group.frames]
            return values[group.frames[:, None], group.order]

        return Inputs(
            pick(self.coord), pick(self.cells, False), pick(self.types), pick(self.fparam, False), pick(self.aparam)
        )

    def feeds(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Return the values of the graph's placeholders by name.

        Parameters
        ----------
        counts : ndarray
            Number of atoms of each type ``[ntypes]``.
        """
        nframes, natoms = self.types.shape
        periodic = self.cells is not None
        feeds = {
            "t_coord": self.coord.ravel(),
            "t_type": self.types.ravel(),
            "t_natoms": np.array([natoms, natoms, *counts], np.int32),
            "t_box": (self.cells if periodic else np.tile(np.eye(3), (nframes, 1, 1))).ravel(),
            "t_mesh": np.zeros(6 if periodic else 0, np.int32),
        }
        if self.fparam is not None:
            feeds["t_fparam"] = self.fparam.ravel()
        if self.aparam is not None:
            feeds["t_aparam"] = self.aparam.ravel()
        return feeds

    def check_distances(self, frames: np.ndarray) -> None:
        """Raise `InputError` if two atoms of a frame coincide; `frames` are the indices of the frames to check.

        The graph also detects this, but its message numbers the atoms in the order of the graph.
        """
        for frame in frames:
            coord, types = self.coord[frame], self.types[frame]
            if self.cells is None:
                found = neighbors.open(coord, types, COINCIDENT)
            else:
                found = neighbors.periodic(coord, types, self.cells[frame], COINCIDENT)
            if len(found.neighbor):
                first, second = np.searchsorted(found.edge_splits, 0, side="right") - 1, found.neighbor[0]
                raise InputError(f"coords: frame {frame}: atoms {first} and {second} are at the same position")


def check_inputs(coords, cells, atom_types, fparam, aparam, pbc, facts: GraphFacts) -> Inputs:
    """Check and convert the arguments of `DeepPot.eval`; see there for their meaning.

    Raises
    ------
    InputError
        If a shape does not fit, a number is not finite, a cell has no volume or a type is unknown.
    """
    types = _types(atom_types, facts.type_map)
    natoms = types.shape[1]
    coord = _frames("coords", coords, (natoms, 3))
    nframes = len(coord)
    if nframes == 0:
        raise InputError(f"coords: expected at least one frame, got shape {np.shape(coords)}")
    if len(types) not in (1, nframes):
        raise InputError(f"atom_types: expected {nframes} frames as in coords, got {len(types)}")
    if isinstance(fparam, bool | np.bool_):
        raise InputError("fparam: got a boolean; write atomic=True to ask for atomic energies and virials")
    return Inputs(
        coord,
        _cells(cells, coord, _boundaries(pbc, cells is not None), facts.rcut),
        np.broadcast_to(types, (nframes, natoms)),
        _parameters("fparam", fparam, (nframes, 1, facts.numb_fparam)),
        _parameters("aparam", aparam, (nframes, natoms, facts.numb_aparam)),
    )


def _types(atom_types, type_map: tuple[str, ...]) -> np.ndarray:
    """Return the types as int32 ``[nframes or 1, natoms]``."""
    try:
        types = np.asarray(atom_types)
    except ValueError:
        types = np.empty(0, object)
    if types.ndim not in (1, 2) or types.size == 0 or not np.issubdtype(types.dtype, np.integer):
        raise InputError(
            f"atom_types: expected integers [natoms] or [nframes, natoms], got {types.dtype} of shape {types.shape}"
        )
    types = np.atleast_2d(types)
    if types.min() < 0 or types.max() >= len(type_map):
        frame, atom = np.argwhere((types < 0) | (types >= len(type_map)))[0]
        raise InputError(
            f"atom_types: atom {atom} has type {types[frame, atom]}, the model knows types 0 to "
            f"{len(type_map) - 1} ({' '.join(type_map)})"
        )
    return types.astype(np.int32, copy=False)


def _frames(name: str, values, shape: tuple[int, int]) -> np.ndarray:
    """Convert an array of one or more frames to float64 ``[nframes, *shape]`` and check that it is finite."""
    width = shape[0] * shape[1]
    array = _numbers(values)
    if array is None or not _has_frame_shape(array, shape):
        found = "something other than a rectangular array of numbers" if array is None else f"shape {array.shape}"
        raise InputError(f"{name}: expected [nframes, {width}] or [nframes, {shape[0]}, {shape[1]}], got {found}")
    array = array.reshape(-1, *shape)
    finite = np.isfinite(array)
    if not finite.all():
        frame, row = np.argwhere(~finite)[0][:2]
        item = "atom" if name == "coords" else "vector"
        raise InputError(f"{name}: frame {frame}, {item} {row}: {array[frame, row].tolist()} is not finite")
    return array


def _numbers(values) -> np.ndarray | None:
    """Return the values as float64, or None if they are not a rectangular array of real numbers."""
    try:
        return None if np.iscomplexobj(values) else np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError):
        return None


def _has_frame_shape(array: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return True if `array` is one frame, an array of frames, or frames concatenated in one row."""
    width = shape[0] * shape[1]
    if array.ndim == 1:
        return array.size % width == 0
    return array.shape == shape or array.shape[1:] in (shape, (width,))


def _boundaries(pbc, have_cells: bool) -> tuple[bool, bool, bool]:
    """Return True for each periodic axis."""
    if pbc is None:
        return (have_cells,) * 3
    axes = np.ravel(pbc)
    if axes.size != 3:
        raise InputError(f"pbc: expected three booleans, one per cell vector, got {pbc!r}")
    if axes.any() and not have_cells:
        raise InputError("pbc: there are periodic axes, but cells is None; pass cells, or pbc=(False, False, False)")
    return tuple(bool(axis) for axis in axes)


def _cells(cells, coord: np.ndarray, pbc: tuple[bool, bool, bool], rcut: float) -> np.ndarray | None:
    """Return cells that are periodic along all axes, or None if no axis is periodic."""
    if cells is None:
        return None
    cells = _frames("cells", _without_open_axes(cells, pbc), (3, 3))
    if len(cells) != len(coord):
        raise InputError(f"cells: expected {len(coord)} frames as in coords, got {len(cells)}")
    if not any(pbc):
        return None
    kept = cells if all(pbc) else cells[:, np.array(pbc)]
    flat = np.flatnonzero(_volumes(kept) < 1e-8)
    if flat.size:
        raise InputError(
            f"cells: frame {flat[0]} has no volume (periodic cell vectors {kept[flat[0]].tolist()}); "
            "use cells=None for open boundaries"
        )
    if all(pbc):
        return cells
    return np.stack([isolating_cell(*frame, pbc, rcut) for frame in zip(coord, cells, strict=True)])


def _volumes(vectors: np.ndarray) -> np.ndarray:
    """Return the volume, area or length ``[nframes]`` spanned by the rows of `vectors` ``[nframes, 1 to 3, 3]``."""
    if vectors.shape[1] == 3:
        return np.abs(np.linalg.det(vectors))
    return np.linalg.svd(vectors, compute_uv=False).prod(axis=1)


def _without_open_axes(cells, pbc: tuple[bool, bool, bool]):
    """Set the vectors of open axes to zero, because they are ignored and may have any value."""
    if all(pbc):
        return cells
    array = np.array(cells)
    if array.dtype.kind not in "iuf" or array.shape[-1:] not in ((9,), (3,)) or array.size % 9:
        return cells
    array = array.astype(np.float64)
    array.reshape(-1, 3, 3)[:, ~np.array(pbc)] = 0.0
    return array


def _parameters(name: str, values, shape: tuple[int, int, int]) -> np.ndarray | None:
    """Return frame or atomic parameters in `shape`; repeat parameters of one frame or of one atom."""
    _, rows, width = shape
    layout = "[nframes, natoms * width]" if name == "aparam" else "[nframes, width]"
    if width == 0:
        if values is not None:
            raise InputError(f"{name}: given, but the model takes none")
        return None
    if values is None:
        raise InputError(f"{name}: the model needs {width} per {'atom' if name == 'aparam' else 'frame'}, as {layout}")
    array = _numbers(values)
    if array is None:
        raise InputError(f"{name}: expected numbers as {layout}, got {values!r}")
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        raise InputError(f"{name}: expected finite numbers, got {array[tuple(bad[0])]} at index {bad[0].tolist()}")
    for given in (shape, (1, rows, width), (1, 1, width)):
        if array.size == np.prod(given):
            return np.broadcast_to(array.reshape(given), shape)
    raise InputError(f"{name}: expected {layout} with width {width}, got shape {array.shape}")
