"""Energies, forces and virials of a frozen graph."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.export.facts import graph_facts
from deepmd_tf.infer.frame_groups import FrameGroup, group_by_composition, group_consecutive
from deepmd_tf.infer.inputs import Inputs, check_inputs
from deepmd_tf.infer.runner import GraphRunner

ENERGY = ("o_energy", "o_force", "o_virial")
ATOMIC = (*ENERGY, "o_atom_energy", "o_atom_virial")
_DEFAULT_BATCH_ATOMS = 1024
_BATCH_VARIABLE = "DP_INFER_BATCH_SIZE"


class DeepPot:
    """Potential in a frozen graph, written by this package or by DeePMD-kit.

    Parameters
    ----------
    model_file : str or Path
        Path of the ``.pb`` file.
    batch_atoms : int, optional
        Largest number of atoms that are evaluated together, which limits the memory; a frame is never split. Default:
        the environment variable ``DP_INFER_BATCH_SIZE``, or 1024 if it is not set.

    Notes
    -----
    A `DeepPot` is immutable, so a copy is the object itself. A pickle holds the path; unpickling reads the file again.

    Raises
    ------
    InputError
        If the file is not the graph of an energy model, or contains operations outside the allow-list.

    Examples
    --------
    >>> potential = DeepPot("graph.pb")
    >>> energy, force, virial = potential.eval(coords, cells, atom_types)
    """

    def __init__(self, model_file: str | Path, batch_atoms: int | None = None):
        self.runner = GraphRunner(model_file)
        if batch_atoms is None:
            self._batch_atoms = _positive(os.environ.get(_BATCH_VARIABLE, _DEFAULT_BATCH_ATOMS), _BATCH_VARIABLE)
        else:
            self._batch_atoms = _positive(batch_atoms, "batch_atoms")
        self.facts = graph_facts(self.runner.constants, model_file)
        for name, width in (("fparam", self.facts.numb_fparam), ("aparam", self.facts.numb_aparam)):
            if (f"t_{name}" in self.runner.feed_names) != (width > 0):
                raise InputError(
                    f"{model_file}: the graph is inconsistent: fitting_attr/d{name} is {width}, and the placeholder "
                    f"t_{name} is {'missing' if width else 'present'}"
                )

    def __copy__(self) -> DeepPot:
        return self

    def __deepcopy__(self, memo: dict) -> DeepPot:
        return self

    def __reduce__(self):
        return DeepPot, (self.path.resolve(), self._batch_atoms)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.runner.path

    def get_rcut(self) -> float:
        """Return the cutoff (Å)."""
        return self.facts.rcut

    def get_ntypes(self) -> int:
        """Return the number of types."""
        return len(self.facts.type_map)

    def get_type_map(self) -> list[str]:
        """Return the names of the types, in the order of their indices."""
        return list(self.facts.type_map)

    def get_dim_fparam(self) -> int:
        """Return the number of frame parameters."""
        return self.facts.numb_fparam

    def get_dim_aparam(self) -> int:
        """Return the number of atomic parameters."""
        return self.facts.numb_aparam

    def get_sel(self) -> list[int]:
        """Return the number of neighbor slots for each type; for a hybrid descriptor, the maximum over its members."""
        return [max(of_members) for of_members in zip(*self.facts.sel, strict=True)]

    def eval(self, coords, cells, atom_types, fparam=None, aparam=None, atomic: bool = False, *, pbc=None) -> tuple:
        """Return energies, forces and virials of frames.

        Parameters
        ----------
        coords : array_like
            Positions (Å) ``[nframes, natoms * 3]`` or ``[nframes, natoms, 3]``. The first axis is optional for a single
            frame.
        cells : array_like or None
            Cell vectors in rows (Å) ``[nframes, 9]`` or ``[nframes, 3, 3]``; None for open boundaries.
        atom_types : array_like
            Type indices, int ``[natoms]``, or ``[nframes, natoms]`` if compositions differ.
        fparam, aparam : array_like, optional
            Frame parameters ``[nframes, width]`` and atomic parameters ``[nframes, natoms * width]``. Parameters of one
            frame are used for all frames, and parameters ``[width]`` of one atom for all atoms.
        atomic : bool
            Also return atomic energies and virials.
        pbc : sequence of bool, optional
            True for each periodic axis. Default: all axes are periodic if `cells` is given. The cell vectors of open
            axes are ignored.

        Returns
        -------
        tuple of ndarray
            Energy (eV) ``[nframes, 1]``, force (eV/Å) ``[nframes, natoms, 3]`` and virial (eV) ``[nframes, 9]``. With
            `atomic` also the energy ``[nframes, natoms, 1]`` and virial ``[nframes, natoms, 9]`` of each atom.

        Raises
        ------
        InputError
            If a shape does not fit, a number is not finite, a cell has no volume or a type is unknown.
        """
        return self._eval(ATOMIC if atomic else ENERGY, coords, cells, atom_types, fparam, aparam, pbc)

    def eval_descriptor(self, coords, cells, atom_types, fparam=None, aparam=None, *, pbc=None) -> np.ndarray:
        """Return the descriptors ``[nframes, natoms, width]``; see `eval` for the arguments."""
        return self._eval(("o_descriptor",), coords, cells, atom_types, fparam, aparam, pbc)[0]

    def has_typeebd(self) -> bool:
        """Return True if the model has a type embedding."""
        return self.runner.has("t_typeebd")

    def eval_typeebd(self) -> np.ndarray:
        """Return the type embedding ``[ntypes, width]``."""
        return self.runner.run_only("t_typeebd")

    def _eval(self, outputs, coords, cells, atom_types, fparam, aparam, pbc) -> tuple:
        """Evaluate frames in groups; return the results in the given order of frames and atoms."""
        given = check_inputs(coords, cells, atom_types, fparam, aparam, pbc, self.facts)
        nframes, natoms = given.types.shape
        make_groups = group_consecutive if self.runner.any_order else group_by_composition
        groups = make_groups(given.types, self.get_ntypes(), max(1, self._batch_atoms // natoms))
        parts = [self._run(outputs, given, group) for group in groups]
        if len(parts) == 1:
            return tuple(parts[0])
        back = np.argsort(np.concatenate([np.arange(nframes)[group.frames] for group in groups]))
        return tuple(np.concatenate(part)[back] for part in zip(*parts, strict=True))

    def _run(self, outputs, given: Inputs, group: FrameGroup) -> list[np.ndarray]:
        """Evaluate a group of frames; return arrays ``[nframes, ...]``, or ``[nframes, natoms, ...]`` of atoms."""
        part = given.select(group)
        try:
            results = self.runner.run(outputs, part.feeds(group.counts))
        except InputError:
            given.check_distances(np.arange(len(given.coord))[group.frames])
            raise
        nframes, natoms = part.types.shape
        results = [
            result.reshape((nframes, -1) if name in ("o_energy", "o_virial") else (nframes, natoms, -1))
            for name, result in zip(outputs, results, strict=True)
        ]
        if group.order is None:
            return results
        back = np.argsort(group.order, axis=1)[:, :, None]
        return [np.take_along_axis(result, back, axis=1) if result.ndim == 3 else result for result in results]


def _positive(value, name: str) -> int:
    try:
        number = int(value)
    except (ValueError, TypeError):
        number = 0
    if number < 1:
        raise InputError(f"{name}: expected a positive number of atoms, got {value!r}")
    return number
