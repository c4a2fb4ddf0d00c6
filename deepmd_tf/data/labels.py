"""Arrays of a system: names and widths of rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Label:
    """One `.npy` file of a set, one row per frame.

    Attributes
    ----------
    name
        Name of the file without `.npy`.
    per_atom
        True for `width` numbers per atom, False for `width` numbers per frame.
    width
        Numbers per atom or frame; None if it depends on the data.
    """

    name: str
    per_atom: bool
    width: int | None

    def columns(self, natoms: int) -> int | None:
        """Return the number of columns of the file, or None if it depends on the data."""
        if self.width is None:
            return None
        return self.width * natoms if self.per_atom else self.width

    def expected(self, natoms: int) -> str:
        """Return the expected shape of the file, for a message."""
        if self.width is None:
            return f"(nframes, k * {natoms})" if self.per_atom else "(nframes, k)"
        if self.width == 1 and not self.per_atom:
            return "(nframes,) or (nframes, 1)"
        columns = self.columns(natoms)
        return (
            f"(nframes, {columns}), {self.width} numbers for each of {natoms} atoms"
            if self.per_atom
            else f"(nframes, {columns})"
        )


COORD = Label("coord", per_atom=True, width=3)
BOX = Label("box", per_atom=False, width=9)
ENERGY = Label("energy", per_atom=False, width=1)
FORCE = Label("force", per_atom=True, width=3)
VIRIAL = Label("virial", per_atom=False, width=9)
ATOM_ENER = Label("atom_ener", per_atom=True, width=1)
FPARAM = Label("fparam", per_atom=False, width=None)
APARAM = Label("aparam", per_atom=True, width=None)

GEOMETRY = (COORD, BOX)
OPTIONAL = (ENERGY, FORCE, VIRIAL, ATOM_ENER, FPARAM, APARAM)
BY_NAME = {label.name: label for label in (*GEOMETRY, *OPTIONAL)}
