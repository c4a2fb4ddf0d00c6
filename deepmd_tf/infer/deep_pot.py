"""`DeepPot`: energies, forces and virials from a frozen graph."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.export.facts import graph_facts
from deepmd_tf.infer.batches import Batch, as_given, by_composition
from deepmd_tf.infer.inputs import Inputs, check_inputs
from deepmd_tf.infer.runner import GraphRunner

ENERGY = ("o_energy", "o_force", "o_virial")
ATOMIC = (*ENERGY, "o_atom_energy", "o_atom_virial")
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

    Notes
    -----
    A copy is the object itself, which does not change; pickling keeps the path, and loading reads the file again.

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
                    f"t_{name} is {'missing' if width else 'there'}"
                )

    def __copy__(self) -> DeepPot:
        return self

    def __deepcopy__(self, memo: dict) -> DeepPot:
        return self

    def __reduce__(self):
        return DeepPot, (self.path.resolve(), self._batch_atoms)

    @property
    def path(self) -> Path:
        """The file."""
        return self.runner.path

    def get_rcut(self) -> float:
        """Cutoff (Å)."""
        return self.facts.rcut

    def get_ntypes(self) -> int:
        """Number of types."""
        return len(self.facts.type_map)

    def get_type_map(self) -> list[str]:
        """Names of the types, in the order of their indices."""
        return list(self.facts.type_map)

    def get_dim_fparam(self) -> int:
        """Number of frame parameters."""
        return self.facts.numb_fparam

    def get_dim_aparam(self) -> int:
        """Number of atomic parameters."""
        return self.facts.numb_aparam

    def get_sel(self) -> list[int]:
        """Slots for neighbors of each type; of a hybrid descriptor the most that a member has."""
        return [max(of_members) for of_members in zip(*self.facts.sel, strict=True)]

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
        return self._eval(ATOMIC if atomic else ENERGY, coords, cells, atom_types, fparam, aparam, pbc)

    def eval_descriptor(self, coords, cells, atom_types, fparam=None, aparam=None, *, pbc=None) -> np.ndarray:
        """Descriptors ``[nframes, natoms, width]``; arguments as in `eval`."""
        return self._eval(("o_descriptor",), coords, cells, atom_types, fparam, aparam, pbc)[0]

    def has_typeebd(self) -> bool:
        """Whether the model has a type embedding."""
        return self.runner.has("t_typeebd")

    def eval_typeebd(self) -> np.ndarray:
        """The type embedding ``[ntypes, width]``."""
        return self.runner.run_only("t_typeebd")

    def _eval(self, outputs, coords, cells, atom_types, fparam, aparam, pbc) -> tuple:
        """Evaluate frames batch by batch; results stand in the order of frames and atoms that was given."""
        given = check_inputs(coords, cells, atom_types, fparam, aparam, pbc, self.facts)
        nframes, natoms = given.types.shape
        make_batches = as_given if self.runner.any_order else by_composition
        batches = make_batches(given.types, self.get_ntypes(), max(1, self._batch_atoms // natoms))
        parts = [self._run(outputs, given, batch) for batch in batches]
        if len(parts) == 1:
            return tuple(parts[0])
        back = np.argsort(np.concatenate([np.arange(nframes)[batch.frames] for batch in batches]))
        return tuple(np.concatenate(part)[back] for part in zip(*parts, strict=True))

    def _run(self, outputs, given: Inputs, batch: Batch) -> list[np.ndarray]:
        """Evaluate a batch: the outputs with frames, and where they have them atoms, as first axes."""
        part = given.part(batch)
        try:
            results = self.runner.run(outputs, part.feeds(batch.counts))
        except InputError:
            given.check_distances(np.arange(len(given.coord))[batch.frames])
            raise
        nframes, natoms = part.types.shape
        results = [
            result.reshape((nframes, -1) if name in ("o_energy", "o_virial") else (nframes, natoms, -1))
            for name, result in zip(outputs, results, strict=True)
        ]
        if batch.order is None:
            return results
        back = np.argsort(batch.order, axis=1)[:, :, None]
        return [np.take_along_axis(result, back, axis=1) if result.ndim == 3 else result for result in results]


def _positive(value, name: str) -> int:
    try:
        number = int(value)
    except (ValueError, TypeError):
        number = 0
    if number < 1:
        raise InputError(f"{name}: expected a positive number of atoms, got {value!r}")
    return number
