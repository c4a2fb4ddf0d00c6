"""`learning_rate`: the schedule of the learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import AT_MOST_ONE, POSITIVE, option


@dataclass(frozen=True)
class LearningRateConfig:
    """A schedule from `start_lr` to `stop_lr`: stepwise exponential decay, or half a cosine."""

    type: str = option("The schedule: `exp` or `cosine`.", "exp")
    start_lr: float = option("Learning rate at the first step.", 1e-3, limits=POSITIVE)
    stop_lr: float = option("Learning rate at the last step.", 1e-8, limits=POSITIVE)
    decay_steps: int = option(
        "Number of steps between two reductions of the learning rate.", 5000, limits=POSITIVE, only_for=("exp",)
    )
    decay_rate: float | None = option(
        "Factor of each reduction; null: the factor with which `stop_lr` is reached at `training.numb_steps`.",
        None,
        limits=(POSITIVE, AT_MOST_ONE),
        only_for=("exp",),
    )
    scale_by_worker: str = option(
        "Scaling of the learning rate with several ranks (`mpirun -n N dp train`) that each have their own batch: by "
        "the number of ranks (`linear`), by its square root (`sqrt`), or none (`none`).",
        "linear",
        choices=("linear", "sqrt", "none"),
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if self.stop_lr > self.start_lr:
            yield "stop_lr", f"expected at most start_lr = {self.start_lr:g}, got {self.stop_lr:g}"
