"""One frame after another of the same atoms, as molecular dynamics asks for them."""

from __future__ import annotations

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.infer.cells import isolating_cell
from deepmd_tf.infer.deep_pot import ATOMIC, ENERGY, DeepPot
from deepmd_tf.infer.inputs import check_inputs


class SameAtoms:
    """A potential for atoms that move and do not change.

    What stays from step to step is checked and laid out once. After a compiled operation that went through all caches
    every line of Python takes ten times as long as in a loop of its own, so a step does nothing else than it must.
    Results are those of `DeepPot.eval`, and so are the refusals.

    Parameters
    ----------
    potential : DeepPot
        The potential.
    types : ndarray
        int ``[natoms]``.
    pbc : tuple of bool
        Which axes are periodic.
    fparam, aparam
        As in `DeepPot.eval`.
    """

    def __init__(self, potential: DeepPot, types: np.ndarray, pbc: tuple[bool, bool, bool], fparam=None, aparam=None):
        self._potential = potential
        self._unchanging = {"atom_types": types, "fparam": fparam, "aparam": aparam, "pbc": pbc}
        self._mixed = any(pbc) and not all(pbc)
        self._cell: bytes | None = None
        self._feeds: dict[str, np.ndarray] = {}

    def eval(self, coord: np.ndarray, cell: np.ndarray, atomic: bool = False) -> list[np.ndarray]:
        """Energy, force and virial, and when `atomic` those of each atom, of one frame.

        Parameters
        ----------
        coord : ndarray
            Å ``[natoms, 3]``, float64.
        cell : ndarray
            Cell vectors in rows (Å) ``[3, 3]``, float64; those of open axes are not read.
        atomic : bool
            Also return atomic energies and virials.

        Returns
        -------
        list of ndarray
            As `DeepPot.eval`, without the axis of the frames.
        """
        runner = self._potential.runner
        if not runner.any_order:
            return self._eval(coord, cell, atomic)
        self._lay_out(coord, cell)
        natoms = len(coord)
        try:
            results = runner.run(ATOMIC if atomic else ENERGY, self._feeds)
        except InputError:
            self._eval(coord, cell, atomic)
            raise
        shapes = ((1,), (natoms, 3), (9,), (natoms, 1), (natoms, 9))
        return [result.reshape(shape) for result, shape in zip(results, shapes, strict=False)]

    def _eval(self, coord: np.ndarray, cell: np.ndarray, atomic: bool) -> list[np.ndarray]:
        """The same by way of `DeepPot.eval`."""
        cells = cell if any(self._unchanging["pbc"]) else None
        return [part[0] for part in self._potential.eval(coord, cells, atomic=atomic, **self._unchanging)]

    def _lay_out(self, coord: np.ndarray, cell: np.ndarray) -> None:
        """Feed the graph with a frame, checked where it is new."""
        if cell.tobytes() != self._cell or not np.isfinite(coord).all():
            cells = cell if any(self._unchanging["pbc"]) else None
            given = check_inputs(coord, cells, facts=self._potential.facts, **self._unchanging)
            self._feeds = given.feeds(np.bincount(given.types[0], minlength=self._potential.get_ntypes()))
            self._cell = cell.tobytes()
            return
        self._feeds["t_coord"] = coord.reshape(-1)
        if self._mixed:
            pbc, rcut = self._unchanging["pbc"], self._potential.facts.rcut
            self._feeds["t_box"] = isolating_cell(coord, cell, pbc, rcut).reshape(-1)
