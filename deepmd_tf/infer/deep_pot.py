"""`DeepPot`: energies, forces and virials from a frozen graph."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.export.facts import graph_facts
from deepmd_tf.infer.inputs import Inputs, check_inputs
from deepmd_tf.infer.runner import GraphRunner

_ENERGY = ("o_energy", "o_force", "o_virial")
_ATOMIC = (*_ENERGY, "o_atom_energy", "o_atom_virial")
_DEFAULT_BATCH_ATOMS = 1024
_BATCH_VARIABLE = "DP_INFER_BATCH_SIZE"


class DeepPot:
    """A potential in a frozen graph, written by this package or by DeePMD-kit.

    Parameters
    ----------
    model_file : str or Path
        The ``.pb`` file.
    batch_atoms : int, optional
        Frames are evaluated together up to this many atoms, which bounds memory; by default the environment variable
        ``DP_INFER_BATCH_SIZE``, else 1024.

    Raises
    ------
    InputError
        When the file is no graph of an energy model, or holds operations outside the allow-list.

    Examples
    --------
    >>> potential = DeepPot("graph.pb")
    >>> energy, force, virial = potential.eval(coords, cells, atom_types)
    """

    def __init__(self, model_file: str | Path, batch_atoms: int | None = None):
        self._runner = GraphRunner(model_file)
        if batch_atoms is None:
            self._batch_atoms = _positive(os.environ.get(_BATCH_VARIABLE, _DEFAULT_BATCH_ATOMS), _BATCH_VARIABLE)
        else:
            self._batch_atoms = _positive(batch_atoms, "batch_atoms")
        self._facts = graph_facts(self._runner.constants, model_file)
        for name, width in (("fparam", self._facts.numb_fparam), ("aparam", self._facts.numb_aparam)):
            if (f"t_{name}" in self._runner.feed_names) != (width > 0):
                raise InputError(
                    f"{model_file}: the graph is inconsistent: fitting_attr/d{name} is {width}, and the placeholder "
                    f"t_{name} is {'missing' if width else 'there'}"
                )

    def get_rcut(self) -> float:
        """Cutoff (Å)."""
        return self._facts.rcut

    def get_ntypes(self) -> int:
        """Number of types."""
        return len(self._facts.type_map)

    def get_type_map(self) -> list[str]:
        """Names of the types, in the order of their indices."""
        return list(self._facts.type_map)

    def get_dim_fparam(self) -> int:
        """Number of frame parameters."""
        return self._facts.numb_fparam

    def get_dim_aparam(self) -> int:
        """Number of atomic parameters."""
        return self._facts.numb_aparam

    def get_sel(self) -> list[int]:
        """Slots for neighbours of each type."""
        return list(self._facts.sel)

    def eval(self, coords, cells, atom_types, fparam=None, aparam=None, atomic: bool = False, *, pbc=None) -> tuple:
        """Energies, forces and virials.

        Parameters
        ----------
        coords : array_like
            Å ``[nframes, natoms * 3]`` or ``[nframes, natoms, 3]``; a single frame may lack the first axis.
        cells : array_like or None
            Cell vectors in rows (Å) ``[nframes, 9]`` or ``[nframes, 3, 3]``; None for open boundaries.
        atom_types : array_like
            int ``[natoms]``, or ``[nframes, natoms]`` when compositions differ.
        fparam, aparam : array_like, optional
            Frame parameters ``[nframes, width]`` and atomic parameters ``[nframes, natoms * width]``; one frame's or
            one atom's worth is used for all.
        atomic : bool
            Also return atomic energies and virials.
        pbc : sequence of bool, optional
            Which axes are periodic; by default all, when there are cells. The cell vectors of the others are not read.

        Returns
        -------
        tuple of ndarray
            Energy (eV) ``[nframes, 1]``, force (eV/Å) ``[nframes, natoms, 3]``, virial (eV) ``[nframes, 9]``, and when
            `atomic` the energy ``[nframes, natoms, 1]`` and virial ``[nframes, natoms, 9]`` of each atom.

        Raises
        ------
        InputError
            When shapes do not fit, numbers are not finite, a cell has no volume or a type is unknown.
        """
        return self._eval(_ATOMIC if atomic else _ENERGY, coords, cells, atom_types, fparam, aparam, pbc)

    def eval_descriptor(self, coords, cells, atom_types, fparam=None, aparam=None, *, pbc=None) -> np.ndarray:
        """Descriptors ``[nframes, natoms, width]``; arguments as in `eval`."""
        return self._eval(("o_descriptor",), coords, cells, atom_types, fparam, aparam, pbc)[0]

    def has_typeebd(self) -> bool:
        """Whether the model has a type embedding."""
        return self._runner.has("t_typeebd")

    def eval_typeebd(self) -> np.ndarray:
        """The type embedding ``[ntypes, width]``."""
        return self._runner.run_only("t_typeebd")

    def _eval(self, outputs, coords, cells, atom_types, fparam, aparam, pbc) -> tuple:
        """Evaluate frames, those of one composition together; graphs of the field expect atoms sorted by type."""
        given = check_inputs(coords, cells, atom_types, fparam, aparam, pbc, self._facts)
        natoms = given.types.shape[1]
        order = np.argsort(given.types, axis=1, kind="stable")
        counts = np.stack([np.sum(given.types == kind, axis=1) for kind in range(self.get_ntypes())], axis=1)
        _, group = np.unique(counts, axis=0, return_inverse=True)
        by_group = np.argsort(group.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(group.ravel()))[:-1]
        size = max(1, self._batch_atoms // natoms)
        batches = [frames[k : k + size] for frames in np.split(by_group, ends) for k in range(0, len(frames), size)]
        parts = [self._run(outputs, given, frames, order[frames], counts[frames[0]]) for frames in batches]
        frame_back, atom_back = np.argsort(by_group), np.argsort(order, axis=1)
        results = (np.concatenate(part)[frame_back] for part in zip(*parts, strict=True))
        return tuple(_to_atoms(name, result, atom_back) for name, result in zip(outputs, results, strict=True))

    def _run(
        self, outputs, given: Inputs, frames: np.ndarray, order: np.ndarray, counts: np.ndarray
    ) -> list[np.ndarray]:
        """Evaluate the frames numbered `frames`, all of the composition `counts`, with their atoms in `order`."""
        nframes, natoms = order.shape
        periodic = given.cells is not None
        cells = given.cells[frames] if periodic else np.tile(np.eye(3), (nframes, 1, 1))
        rows = frames[:, None]
        feeds = {
            "t_coord": given.coord[rows, order].ravel(),
            "t_type": given.types[rows, order].ravel(),
            "t_natoms": np.array([natoms, natoms, *counts], np.int32),
            "t_box": cells.ravel(),
            "t_mesh": np.zeros(6 if periodic else 0, np.int32),
        }
        if given.fparam is not None:
            feeds["t_fparam"] = given.fparam[frames].ravel()
        if given.aparam is not None:
            feeds["t_aparam"] = given.aparam[rows, order].ravel()
        try:
            results = self._runner.run(outputs, feeds)
        except InputError:
            given.check_distances(frames)
            raise
        return [result.reshape(nframes, -1) for result in results]


def _positive(value, name: str) -> int:
    try:
        number = int(value)
    except (ValueError, TypeError):
        number = 0
    if number < 1:
        raise InputError(f"{name}: expected a positive number of atoms, got {value!r}")
    return number


def _to_atoms(name: str, values: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Shape an output and put its atoms back into the caller's order ``[nframes, natoms]``."""
    if name in ("o_energy", "o_virial"):
        return values
    return np.take_along_axis(values.reshape(*back.shape, -1), back[:, :, None], axis=1)
