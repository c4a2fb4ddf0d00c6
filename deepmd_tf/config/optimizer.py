"""`optimizer`: the rule for updates of the parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import NOT_NEGATIVE, POSITIVE, option


def _problems_of_betas(config) -> Iterator[tuple[str, str]]:
    for key in ("adam_beta1", "adam_beta2", "soap_beta"):
        value = getattr(config, key, 0.0)
        if value >= 1:
            yield key, f"expected a number from 0 to less than 1, got {value:g}"


@dataclass(frozen=True)
class AdamConfig:
    """Adam, the optimizer of DeePMD-kit's TensorFlow backend."""

    type: str = option("The optimizer: `Adam`, `AdamW` or `SOAP`.", "Adam")
    adam_beta1: float = option("Decay of the first moment.", 0.9, limits=NOT_NEGATIVE)
    adam_beta2: float = option("Decay of the second moment.", 0.999, limits=NOT_NEGATIVE)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        yield from _problems_of_betas(self)


@dataclass(frozen=True)
class AdamWConfig(AdamConfig):
    """Adam with decoupled weight decay."""

    weight_decay: float = option(
        "Every step multiplies the parameters by `1 - learning rate * weight_decay`.", 0.0, limits=NOT_NEGATIVE
    )


@dataclass(frozen=True)
class SoapConfig(AdamWConfig):
    """SOAP: Adam in the eigenbasis of a preconditioner with one factor for each axis (docs/training.md)."""

    type: str = option("The optimizer: `Adam`, `AdamW` or `SOAP`.", "SOAP")
    adam_beta1: float = option("Decay of the first moment.", 0.95, limits=NOT_NEGATIVE)
    adam_beta2: float = option("Decay of the second moment.", 0.95, limits=NOT_NEGATIVE)
    weight_decay: float = option(
        "Every step multiplies the matrices by `1 - learning rate * weight_decay`.", 0.0, limits=NOT_NEGATIVE
    )
    soap_beta: float = option("Decay of the factors of the preconditioner.", 0.95, own=True, limits=NOT_NEGATIVE)
    refresh_freq: int = option("Steps between two refreshes of a basis.", 10, own=True, limits=POSITIVE)
