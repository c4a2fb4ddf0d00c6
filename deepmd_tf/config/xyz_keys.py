"""`xyz_keys`: names of the labels in extended XYZ files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import NOT_EMPTY, option


def _key(doc: str, default: str | None):
    return option(f"{doc}; null: it is not read.", default, limits=NOT_EMPTY)


@dataclass(frozen=True)
class XyzKeysConfig:
    """Names in the comment lines and columns of extended XYZ files.

    If a frame has both virial and stress, they must agree, and the virial is used.
    """

    energy: str | None = _key("Energy of a frame, eV", "energy")
    force: str | None = _key("Columns of forces, eV/Å", "forces")
    virial: str | None = _key("Virial of a frame, eV: -dE/dstrain, positive under pressure; nine numbers", "virial")
    stress: str | None = _key(
        "Stress of a frame, eV/Å^3, with the sign of ASE (-virial / volume); nine numbers, or xx yy zz yz xz xy",
        "stress",
    )
    atom_ener: str | None = _key("Column of atomic energies, eV", None)
    fparam: str | None = _key("Frame parameters", None)
    aparam: str | None = _key("Columns of atomic parameters", None)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        yield from ()
