"""The ASE calculator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from deepmd_tf.errors import InputError
from deepmd_tf.infer.deep_pot import DeepPot


class DP(Calculator):
    """A Deep Potential as an ASE calculator.

    Energy and free energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt order, ASE's sign: positive under tension) and
    per-atom energies. Boundary conditions are taken per axis from ``atoms.pbc``.

    Parameters
    ----------
    model : str or Path or DeepPot
        The frozen graph.
    label : str
        ASE's label.
    type_dict : mapping of str to int, optional
        Type index of each element symbol; by default the model's own type map.

    Raises
    ------
    InputError
        While calculating, when an element is not in the type map; the message names it.

    Examples
    --------
    >>> atoms.calc = DP("graph.pb")
    >>> atoms.get_potential_energy()
    """

    name = "DP"
    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress", "energies"]

    def __init__(
        self, model: str | Path | DeepPot, label: str = "DP", type_dict: Mapping[str, int] | None = None, **kwargs
    ):
        super().__init__(label=label, **kwargs)
        self.dp = model if isinstance(model, DeepPot) else DeepPot(model)
        self.type_dict = dict(type_dict or {name: k for k, name in enumerate(self.dp.get_type_map())})

    def calculate(self, atoms=None, properties=("energy", "forces"), system_changes=all_changes):
        """Fill ``self.results`` for `atoms`."""
        super().calculate(atoms, properties, system_changes)
        symbols = self.atoms.get_chemical_symbols()
        unknown = sorted(set(symbols) - set(self.type_dict))
        if unknown:
            raise InputError(
                f"the model does not know the element(s) {', '.join(unknown)}; it was trained for "
                f"{' '.join(self.type_dict)}"
            )
        types = np.array([self.type_dict[symbol] for symbol in symbols])
        pbc = tuple(bool(axis) for axis in self.atoms.pbc)
        cell = self.atoms.cell.array if any(pbc) else None
        atomic = "energies" in properties
        results = self.dp.eval(self.atoms.positions, cell, types, atomic=atomic, pbc=pbc)
        energy, force, virial = results[:3]
        self.results = {"energy": float(energy[0, 0]), "free_energy": float(energy[0, 0]), "forces": force[0]}
        if atomic:
            self.results["energies"] = results[3][0, :, 0]
        if self.atoms.cell.rank == 3:
            stress = -virial[0].reshape(3, 3) / self.atoms.get_volume()
            self.results["stress"] = full_3x3_to_voigt_6_stress(0.5 * (stress + stress.T))
