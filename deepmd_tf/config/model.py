"""`model`: the species, the type embedding, the descriptor and the fitting net."""

# ruff: noqa: RUF009 - `option` declares a dataclass field
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.descriptor import DescriptorConfig
from deepmd_tf.config.energy_fitting import EnergyFittingConfig
from deepmd_tf.config.fields import NOT_EMPTY, POSITIVE, option
from deepmd_tf.config.hybrid import HybridConfig
from deepmd_tf.config.type_embedding import TypeEmbeddingConfig
from deepmd_tf.config.variants import DESCRIPTORS, FITTINGS

STRIP_DEFAULT = TypeEmbeddingConfig(neuron=(8,), activation_function="linear")
"""Type embedding of strip mode if the section is absent, as in DeePMD-kit."""


@dataclass(frozen=True)
class ModelConfig:
    """The potential."""

    type_map: tuple[str, ...] = option(
        "Names of the species, in the order of the model's type indices.", limits=NOT_EMPTY
    )
    descriptor: DescriptorConfig | HybridConfig = option(
        "The descriptor of the environment of an atom.", variants=DESCRIPTORS
    )
    fitting_net: EnergyFittingConfig = option("The fitting net.", variants=FITTINGS)
    type_embedding: TypeEmbeddingConfig | None = option(
        "The type embedding: one short vector per species, with which all species share the nets. `{}` is a type "
        "embedding with default values. Without this section each species (or pair of species) has its own embedding "
        "net and each species its own fitting net. Exceptions are descriptors in strip mode, `se_e2_r_tebd` and "
        "`se_e3_tebd`: they then have a linear type embedding of width 8.",
        None,
        section=TypeEmbeddingConfig,
    )
    data_stat_nbatch: int | None = option(
        "Number of batches of each system from which the statistics of the descriptor and of the energy are "
        "computed; frames of small systems are repeated. null: each frame once.",
        None,
        limits=POSITIVE,
    )
    data_stat_protect: float = option(
        "Smallest standard deviation by which a column of the descriptor, a frame parameter or an atomic parameter "
        "is divided.",
        1e-2,
        limits=POSITIVE,
    )

    def __post_init__(self) -> None:
        # The dataclass is frozen, so the value is set as dataclasses do internally.
        if self.type_embedding is None and self.descriptor.needs_type_embedding:
            object.__setattr__(self, "type_embedding", STRIP_DEFAULT)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if not self.type_map:
            yield "type_map", "expected at least one species, got an empty list"
            return
        for name in sorted({name for name in self.type_map if self.type_map.count(name) > 1}):
            yield "type_map", f"expected different names, got '{name}' more than once"
        for name in self.type_map:
            if name.split() != [name]:
                yield "type_map", f"expected names without blanks, got '{name}'"
        for section in ("descriptor", "fitting_net"):
            for key, message in getattr(self, section).problems_with_types(self.type_map):
                yield f"{section}.{key}", message
