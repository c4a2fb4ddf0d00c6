"""`loss`: the weights of the terms of the loss function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import NOT_NEGATIVE, option


def _prefactor(quantity: str, end: str, default: float):
    """Declare one prefactor; `end` is `start` or `limit`."""
    moment = "at the first step" if end == "start" else "in the limit of a learning rate of zero"
    ending = " If both prefactors are 0, the term is omitted." if end == "start" else ""
    return option(f"Prefactor of the {quantity} {moment}.{ending}", default, limits=NOT_NEGATIVE)


@dataclass(frozen=True)
class LossConfig:
    """The weighted sum of squared errors of energy, force and virial.

    Each prefactor changes from its start to its limit value linearly with the learning rate.
    """

    type: str = option("The loss: `ener`, for models that predict the energy.", "ener")
    start_pref_e: float = _prefactor("energy error", "start", 0.02)
    limit_pref_e: float = _prefactor("energy error", "limit", 1.0)
    start_pref_f: float = _prefactor("force error", "start", 1000.0)
    limit_pref_f: float = _prefactor("force error", "limit", 1.0)
    start_pref_v: float = _prefactor("virial error", "start", 0.0)
    limit_pref_v: float = _prefactor("virial error", "limit", 0.0)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        prefactors = (self.start_pref_e, self.limit_pref_e, self.start_pref_f, self.limit_pref_f)
        if not any((*prefactors, self.start_pref_v, self.limit_pref_v)):
            yield "start_pref_e", "expected at least one prefactor above 0: the loss has no term if all are 0"
