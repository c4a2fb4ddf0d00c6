"""`model.fitting_net` of type `ener`: the net from descriptor to atomic energy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config import names
from deepmd_tf.config.fields import NOT_NEGATIVE, POSITIVE, option


@dataclass(frozen=True)
class EnergyFittingConfig:
    """The fitting net for the energy of an atom; with type embedding, one net for all species."""

    type: str = option("Fitted property: `ener`, the energy.", "ener")
    neuron: tuple[int, ...] = option(
        "Width of each hidden layer. A layer as wide as the one before it has a residual connection.",
        (120, 120, 120),
        limits=POSITIVE,
        alias=("n_neuron",),
    )
    activation_function: str = option(
        names.ACTIVATION_DOC, "tanh", choices=names.ACTIVATIONS, synonyms=names.ACTIVATION_SYNONYMS
    )
    resnet_dt: bool = option(names.RESNET_DT_DOC, True)
    precision: str = option(names.PRECISION_DOC, "float64", choices=names.PRECISIONS, synonyms=names.PRECISION_SYNONYMS)
    trainable: bool | tuple[bool, ...] = option(
        names.TRAINABLE_DOC + " A list has one entry per hidden layer and one for the output layer.", True
    )
    rcond: float | None = option(
        "Relative size below which singular values are dropped in the least-squares fit of the energy of each species; "
        "null: NumPy's default.",
        None,
        limits=NOT_NEGATIVE,
    )
    atom_ener: tuple[float | None, ...] = option(
        "Energy of each species in vacuum, eV: one number or null per entry of `model.type_map`; null is fitted.",
        (),
    )
    numb_fparam: int = option(
        "Number of frame parameters. If it is not 0, each system needs `fparam.npy`.", 0, limits=NOT_NEGATIVE
    )
    numb_aparam: int = option(
        "Number of atomic parameters. If it is not 0, each system needs `aparam.npy`.", 0, limits=NOT_NEGATIVE
    )
    seed: int | None = option(names.SEED_DOC, None, limits=NOT_NEGATIVE)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if not self.neuron:
            yield "neuron", "expected at least one layer, got an empty list"
        if isinstance(self.trainable, tuple) and len(self.trainable) != len(self.neuron) + 1:
            yield (
                "trainable",
                (
                    f"expected {len(self.neuron) + 1} entries, one per hidden layer and one for the output layer, "
                    f"got {len(self.trainable)}"
                ),
            )

    def problems_with_types(self, type_map: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that are inconsistent with the species."""
        if self.atom_ener and len(self.atom_ener) != len(type_map):
            yield (
                "atom_ener",
                (f"expected {len(type_map)} entries, one per entry of model.type_map, got {len(self.atom_ener)}"),
            )
