"""Fast evaluation of consecutive frames of the same atoms, as in molecular dynamics."""

from __future__ import annotations

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.infer.cells import isolating_cell
from deepmd_tf.infer.deep_pot import ATOMIC, ENERGY, DeepPot
from deepmd_tf.infer.inputs import check_inputs


class TrajectoryEvaluator:
    """Evaluate a potential for atoms that move, with fixed types and boundary conditions.

    Fixed inputs are checked and converted once. A step only updates the positions, because Python code runs about ten
    times slower than usual right after a compiled op has evicted the interpreter from the processor caches. Results and
    errors are those of `DeepPot.eval`.

    Parameters
    ----------
    potential : DeepPot
        The potential.
    types : ndarray
        Types of the atoms, int ``[natoms]``.
    pbc : tuple of bool
        True for each periodic axis.
    fparam, aparam
        Frame and atomic parameters, as in `DeepPot.eval`.
    """

    def __init__(self, potential: DeepPot, types: np.ndarray, pbc: tuple[bool, bool, bool], fparam=None, aparam=None):
        self._potential = potential
        self._fixed = {"atom_types": types, "fparam": fparam, "aparam": aparam, "pbc": pbc}
        self._mixed = any(pbc) and not all(pbc)
        self._cell: bytes | None = None
        self._feeds: dict[str, np.ndarray] = {}

    def eval(self, coord: np.ndarray, cell: np.ndarray, atomic: bool = False) -> list[np.ndarray]:
        """Return energy, force and virial of one frame, and if `atomic` also those of each atom.

        Parameters
        ----------
        coord : ndarray
            Å ``[natoms, 3]``, float64.
        cell : ndarray
            Cell vectors in rows (Å) ``[3, 3]``, float64; rows of open axes are ignored.
        atomic : bool
            Also return atomic energies and virials.

        Returns
        -------
        list of ndarray
            Results of `DeepPot.eval` without the axis of the frames.
        """
        runner = self._potential.runner
        if not runner.any_order:
            return self._eval_checked(coord, cell, atomic)
        self._update_feeds(coord, cell)
        natoms = len(coord)
        try:
            results = runner.run(ATOMIC if atomic else ENERGY, self._feeds)
        except InputError:
            self._eval_checked(coord, cell, atomic)
            raise
        shapes = ((1,), (natoms, 3), (9,), (natoms, 1), (natoms, 9))
        return [result.reshape(shape) for result, shape in zip(results, shapes, strict=False)]

    def _eval_checked(self, coord: np.ndarray, cell: np.ndarray, atomic: bool) -> list[np.ndarray]:
        """Evaluate with `DeepPot.eval`, which checks all inputs."""
        cells = cell if any(self._fixed["pbc"]) else None
        return [part[0] for part in self._potential.eval(coord, cells, atomic=atomic, **self._fixed)]

    def _update_feeds(self, coord: np.ndarray, cell: np.ndarray) -> None:
        """Put a frame into the feeds of the graph; check all inputs if the cell is new or a position is not finite."""
        if cell.tobytes() != self._cell or not np.isfinite(coord).all():
            cells = cell if any(self._fixed["pbc"]) else None
            given = check_inputs(coord, cells, facts=self._potential.facts, **self._fixed)
            self._feeds = given.feeds(np.bincount(given.types[0], minlength=self._potential.get_ntypes()))
            self._cell = cell.tobytes()
            return
        self._feeds["t_coord"] = coord.reshape(-1)
        if self._mixed:
            pbc, rcut = self._fixed["pbc"], self._potential.facts.rcut
            self._feeds["t_box"] = isolating_cell(coord, cell, pbc, rcut).reshape(-1)
