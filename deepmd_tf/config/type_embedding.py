"""`model.type_embedding`: the net that maps each species to a vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config import names
from deepmd_tf.config.fields import NOT_NEGATIVE, POSITIVE, option


@dataclass(frozen=True)
class TypeEmbeddingConfig:
    """A net that maps each species to a short vector."""

    neuron: tuple[int, ...] = option(
        names.NEURON_DOC + " The last width is the length of the vector.", (8,), limits=POSITIVE
    )
    activation_function: str = option(
        names.ACTIVATION_DOC, "tanh", choices=names.ACTIVATIONS, synonyms=names.ACTIVATION_SYNONYMS
    )
    resnet_dt: bool = option(names.RESNET_DT_DOC, False)
    precision: str = option(names.PRECISION_DOC, "float64", choices=names.PRECISIONS, synonyms=names.PRECISION_SYNONYMS)
    trainable: bool = option(names.TRAINABLE_DOC, True)
    seed: int | None = option(names.SEED_DOC, None, limits=NOT_NEGATIVE)
    use_econf_tebd: bool = option(
        "Use the electron configuration of the element as input of the net instead of a one-hot vector. Each name in "
        "`model.type_map` must then be a chemical symbol.",
        False,
    )
    use_tebd_bias: bool = option("Use biases in the layers.", False)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if not self.neuron:
            yield "neuron", "expected at least one layer, got an empty list"
