"""ASE calculator for Deep Potential models."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress

from deepmd_tf.errors import InputError
from deepmd_tf.infer.deep_pot import DeepPot
from deepmd_tf.infer.trajectory import TrajectoryEvaluator

# Matrix [9, 6] that maps a tensor to the Voigt components of its symmetric part.
_VOIGT = full_3x3_to_voigt_6_stress(np.eye(9).reshape(9, 3, 3))


class DP(Calculator):
    """ASE calculator for a Deep Potential.

    Computes energy and free energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt order, ASE's sign: positive under
    tension), atomic energies and atomic stresses. Boundary conditions are read per axis from ``atoms.pbc``.

    Parameters
    ----------
    model : str or Path or DeepPot
        Frozen graph.
    label : str
        ASE's label.
    type_dict : mapping of str to int, optional
        Type index of each element symbol. Default: the type map of the model.
    fparam, aparam : array_like, optional
        Frame parameters ``[width]`` and atomic parameters ``[natoms, width]`` or ``[width]``, for models that take
        them. ``atoms.info["fparam"]``, and ``atoms.arrays["aparam"]`` or ``atoms.info["aparam"]``, take precedence.

    Raises
    ------
    InputError
        During a calculation, if an element is not in the type map; the message names the element.

    Notes
    -----
    A copy shares the graph. Unpickling a calculator reads the graph file again.

    Examples
    --------
    >>> atoms.calc = DP("graph.pb")
    >>> atoms.get_potential_energy()
    """

    name = "DP"
    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress", "energies", "stresses"]
    discard_results_on_any_change = True

    def __init__(
        self,
        model: str | Path | DeepPot,
        label: str = "DP",
        type_dict: Mapping[str, int] | None = None,
        fparam=None,
        aparam=None,
        **kwargs,
    ):
        super().__init__(label=label, fparam=fparam, aparam=aparam, **kwargs)
        self.dp = model if isinstance(model, DeepPot) else DeepPot(model)
        self.type_dict = dict(type_dict or {name: k for k, name in enumerate(self.dp.get_type_map())})
        self._types = np.array([self.type_dict.get(symbol, -1) for symbol in chemical_symbols])
        widths = {"fparam": self.dp.get_dim_fparam(), "aparam": self.dp.get_dim_aparam()}
        self._taken = [name for name, width in widths.items() if width]
        self._last: Atoms | None = None
        self._evaluator: TrajectoryEvaluator | None = None
        self._cell, self._volume = b"", None

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """Return the names of the properties of `atoms` that differ from the last calculation.

        Only properties that affect the results are compared. The comparison is exact, whatever `tol` is.
        """
        known = self.atoms
        if known is None or len(known) != len(atoms):
            return list(all_changes)
        arrays = {
            "positions": (known.positions, atoms.positions),
            "numbers": (known.numbers, atoms.numbers),
            "cell": (known.cell.array, atoms.cell.array),
            "pbc": (known.pbc, atoms.pbc),
        }
        # Comparing bytes is fast even with cold processor caches, as after an evaluation.
        changes = [name for name, (old, new) in arrays.items() if old.tobytes() != new.tobytes()]
        return changes + [
            name
            for name in self._taken
            if not np.array_equal(_atoms_parameter(known, name), _atoms_parameter(atoms, name))
        ]

    def calculate(self, atoms=None, properties=("energy", "forces"), system_changes=all_changes):
        """Fill ``self.results`` for `atoms`."""
        if self._last is None or not {"positions", "cell"}.issuperset(system_changes):
            self._prepare(atoms, properties, system_changes)
        else:
            self.atoms = self._last
            if atoms is not None:
                self.atoms.positions[:] = atoms.positions
                self.atoms.cell[:] = atoms.cell.array
        atoms, cell = self.atoms, self.atoms.cell.array
        atomic = "energies" in properties or "stresses" in properties
        results = self._evaluator.eval(atoms.positions, cell, atomic)
        if self._cell != cell.tobytes():
            self._cell, self._volume = cell.tobytes(), atoms.get_volume() if atoms.cell.rank == 3 else None
        energy = results[0].item()
        self.results = {"energy": energy, "free_energy": energy, "forces": results[1]}
        if atomic:
            self.results["energies"] = results[3][:, 0]
        if self._volume:
            self.results["stress"] = results[2] @ _VOIGT / -self._volume
            if atomic:
                self.results["stresses"] = results[4] @ _VOIGT / -self._volume

    def _prepare(self, atoms: Atoms | None, properties, system_changes) -> None:
        """Copy `atoms` to ``self.atoms``, and check the inputs that do not change while the atoms move."""
        self._last = None
        super().calculate(atoms, properties, system_changes)
        # ASE copies arrays, but only the references in `info`.
        self.atoms.info |= {
            name: copy.deepcopy(self.atoms.info[name]) for name in self._taken if name in self.atoms.info
        }
        parameters = {name: self._parameter(self.atoms, name) for name in ("fparam", "aparam")}
        pbc = tuple(self.atoms.pbc.tolist())
        self._evaluator = TrajectoryEvaluator(self.dp, self._types_of(self.atoms), pbc, **parameters)
        self._last = self.atoms

    def _types_of(self, atoms: Atoms) -> np.ndarray:
        """Return the type index of each atom in the model ``[natoms]``."""
        types = self._types[atoms.numbers]
        if types.min(initial=0) < 0:
            unknown = sorted({chemical_symbols[number] for number in atoms.numbers[types < 0]})
            raise InputError(
                f"the model does not know the element(s) {', '.join(unknown)}; it was trained for "
                f"{' '.join(self.type_dict)}"
            )
        return types

    def _parameter(self, atoms: Atoms, name: str):
        """Return the frame or atomic parameters stored in `atoms`, or else those of the calculator."""
        own = _atoms_parameter(atoms, name) if name in self._taken else None
        return self.parameters[name] if own is None else own


def _atoms_parameter(atoms: Atoms, name: str):
    """Return the frame or atomic parameters stored in `atoms`, or None."""
    return atoms.arrays.get(name, atoms.info.get(name)) if name == "aparam" else atoms.info.get(name)
