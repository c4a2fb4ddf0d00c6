"""Common keys of the sections `model.descriptor` of all types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config import names
from deepmd_tf.config.fields import NOT_NEGATIVE, POSITIVE, option


@dataclass(frozen=True)
class DescriptorConfig:
    """A descriptor made of environment rows and an embedding net."""

    type: str = option("The descriptor.")
    sel: tuple[int, ...] | str = option(
        "Number of neighbors of each species by which the descriptor is normalized, one integer per entry of "
        "`model.type_map`. `auto` (the same as `auto:1.1`) or `auto:factor` counts the neighbors in the training "
        "data, multiplies by the factor and rounds up to a multiple of 4.",
        "auto",
        limits=NOT_NEGATIVE,
    )
    rcut: float = option("Cutoff radius, Å.", 6.0, limits=POSITIVE)
    rcut_smth: float = option("Start of the smooth switching, Å; it ends at `rcut`.", 0.5, limits=NOT_NEGATIVE)
    neuron: tuple[int, ...] = option(names.NEURON_DOC, (10, 20, 40), limits=POSITIVE)
    activation_function: str = option(
        names.ACTIVATION_DOC, "tanh", choices=names.ACTIVATIONS, synonyms=names.ACTIVATION_SYNONYMS
    )
    resnet_dt: bool = option(names.RESNET_DT_DOC, False)
    precision: str = option(names.PRECISION_DOC, "float64", choices=names.PRECISIONS, synonyms=names.PRECISION_SYNONYMS)
    trainable: bool = option(names.TRAINABLE_DOC, True)
    seed: int | None = option(names.SEED_DOC, None, limits=NOT_NEGATIVE)
    exclude_types: tuple[tuple[int, ...], ...] = option(
        "Pairs of species (indices of `model.type_map`) that do not interact, e.g. `[[0, 1]]`.",
        (),
        limits=NOT_NEGATIVE,
    )
    set_davg_zero: bool = option(
        "Set the averages of the normalization to zero; recommended if `fitting_net.atom_ener` is given.", False
    )

    @property
    def members(self) -> tuple[DescriptorConfig, ...]:
        """Members of the descriptor: itself."""
        return (self,)

    def with_members(self, members: tuple[DescriptorConfig, ...]) -> DescriptorConfig:
        """Return the only one of `members`."""
        (member,) = members
        return member

    def place_of(self, member: int) -> str:
        """Return the path of a member in the input file."""
        return "model.descriptor"

    @property
    def needs_type_embedding(self) -> bool:
        """Whether the descriptor needs a type embedding; an absent section then means its defaults."""
        return False

    @property
    def zero_when_isolated(self) -> bool:
        """Whether an atom without neighbors has a descriptor of zeros."""
        return self.set_davg_zero

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if self.rcut <= self.rcut_smth:
            yield "rcut_smth", f"expected a number below rcut = {self.rcut:g}, got {self.rcut_smth:g}"
        if not self.neuron:
            yield "neuron", "expected at least one layer, got an empty list"
        if isinstance(self.sel, str):
            yield from self._sel_string_problems()
        elif sum(self.sel) == 0:
            yield "sel", f"expected at least one neighbor in all, got {list(self.sel)}"
        for pair in self.exclude_types:
            if len(pair) != 2:
                yield "exclude_types", f"expected pairs of two type indices, got {list(pair)}"

    def _sel_string_problems(self) -> Iterator[tuple[str, str]]:
        word, _, factor = self.sel.partition(":")
        try:
            valid = word == "auto" and (self.sel == "auto" or 1.0 <= float(factor) < float("inf"))
        except ValueError:
            valid = False
        if not valid:
            yield (
                "sel",
                (f"expected a list of integers, 'auto' or 'auto:factor' with a factor of at least 1, got '{self.sel}'"),
            )

    def problems_with_types(self, type_map: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that are inconsistent with the species."""
        ntypes = len(type_map)
        if not isinstance(self.sel, str) and len(self.sel) != ntypes:
            yield "sel", f"expected {ntypes} integers, one per entry of model.type_map, got {len(self.sel)}"
        for pair in self.exclude_types:
            if any(index >= ntypes for index in pair):
                yield "exclude_types", (f"expected indices into model.type_map (0 to {ntypes - 1}), got {list(pair)}")
