"""`learning_rate`: the schedule of the learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import AT_MOST_ONE, NOT_NEGATIVE, POSITIVE, option

DEFAULT_STOP_LR = 5e-8


@dataclass(frozen=True)
class LearningRateConfig:
    """A schedule from `start_lr` to `stop_lr` after an optional linear warm-up.

    The learning rate decays exponentially (`exp`), as half a cosine (`cosine`), or stays at `start_lr` until a decay in
    the last steps (`wsd`, warm-up-stable-decay).
    """

    type: str = option("The schedule: `exp`, `cosine` or `wsd`.", "exp")
    start_lr: float = option("Learning rate at the first step after the warm-up.", 1e-3, limits=POSITIVE)
    stop_lr: float | None = option(
        f"Learning rate at the last step; null: `stop_lr_ratio` times `start_lr`, or {DEFAULT_STOP_LR:g} without "
        "`stop_lr_ratio`.",
        None,
        limits=POSITIVE,
    )
    stop_lr_ratio: float | None = option(
        "Learning rate at the last step divided by `start_lr`; not together with `stop_lr`.",
        None,
        limits=(POSITIVE, AT_MOST_ONE),
    )
    warmup_steps: int = option(
        "Number of steps of the warm-up, in which the learning rate rises linearly from `warmup_start_factor` times "
        "`start_lr` to `start_lr`.",
        0,
        limits=NOT_NEGATIVE,
    )
    warmup_ratio: float | None = option(
        "Number of steps of the warm-up divided by `training.numb_steps`; not together with `warmup_steps`.",
        None,
        limits=NOT_NEGATIVE,
    )
    warmup_start_factor: float = option(
        "Learning rate at the first step of the warm-up divided by `start_lr`.", 0.0, limits=NOT_NEGATIVE
    )
    decay_steps: int = option(
        "Number of steps between two reductions of the learning rate.", 5000, limits=POSITIVE, only_for=("exp",)
    )
    decay_rate: float | None = option(
        "Factor of each reduction, until `stop_lr` is reached; null: the factor with which `stop_lr` is reached at "
        "`training.numb_steps`.",
        None,
        limits=(POSITIVE, AT_MOST_ONE),
        only_for=("exp",),
    )
    smooth: bool = option(
        "Whether the learning rate decreases at every step instead of every `decay_steps`.", False, only_for=("exp",)
    )
    decay_phase_ratio: float = option(
        "Number of steps of the decay divided by `training.numb_steps`.",
        0.1,
        limits=(POSITIVE, AT_MOST_ONE),
        only_for=("wsd",),
    )
    decay_type: str = option(
        "The decay of `wsd`: `linear`, `cosine`, or `inverse_linear`, with which the inverse of the learning rate is "
        "linear.",
        "inverse_linear",
        choices=("inverse_linear", "cosine", "linear"),
        only_for=("wsd",),
    )
    scale_by_worker: str = option(
        "Scaling of the learning rate with several ranks (`mpirun -n N dp train`) that each have their own batch: by "
        "the number of ranks (`linear`), by its square root (`sqrt`), or none (`none`).",
        "linear",
        choices=("linear", "sqrt", "none"),
    )

    @property
    def final_lr(self) -> float:
        """Learning rate at the last step."""
        if self.stop_lr is not None:
            return self.stop_lr
        return DEFAULT_STOP_LR if self.stop_lr_ratio is None else self.start_lr * self.stop_lr_ratio

    def warmup_steps_of(self, numb_steps: int) -> int:
        """Return the number of steps of the warm-up in a run of `numb_steps`."""
        return self.warmup_steps if self.warmup_ratio is None else int(self.warmup_ratio * numb_steps)

    def problems_in_run_of(self, numb_steps: int) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that do not fit a run of `numb_steps`."""
        steps = self.warmup_steps_of(numb_steps)
        if steps >= numb_steps:
            key = "warmup_steps" if self.warmup_ratio is None else "warmup_ratio"
            yield key, f"expected a warm-up shorter than the run of {numb_steps} steps, got {steps} steps"

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for inconsistent values."""
        if self.stop_lr is not None and self.stop_lr_ratio is not None:
            yield "stop_lr_ratio", "stop_lr is also given; remove one"
        elif self.final_lr > self.start_lr:
            yield "stop_lr", f"expected at most start_lr = {self.start_lr:g}, got {self.final_lr:g}"
        if self.warmup_ratio is not None and self.warmup_steps:
            yield "warmup_ratio", "warmup_steps is also given; remove one"
