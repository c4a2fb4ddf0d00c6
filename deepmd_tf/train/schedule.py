"""Learning-rate schedules as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Exponential:
    """``start_lr * rate^(step // decay_steps)`` with a rate that reaches `stop_lr` after `numb_steps`."""

    start_lr: float
    rate: float
    decay_steps: int

    def __call__(self, step: int) -> float:
        """Learning rate at `step`."""
        return self.start_lr * self.rate ** (step // self.decay_steps)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `start_lr` down to `stop_lr` over `numb_steps`."""

    start_lr: float
    stop_lr: float
    numb_steps: int

    def __call__(self, step: int) -> float:
        """Learning rate at `step`."""
        phase = math.pi * min(step, self.numb_steps) / self.numb_steps
        return self.stop_lr + 0.5 * (self.start_lr - self.stop_lr) * (1.0 + math.cos(phase))


def sensible_decay_steps(decay_steps: int, numb_steps: int) -> int:
    """Return `decay_steps`, or a smaller value if it is not less than `numb_steps`.

    The smaller value is 100, or a hundredth of the steps in runs of about 1000 steps or fewer.
    """
    if decay_steps < numb_steps:
        return decay_steps
    return 100 if numb_steps // 10 > 100 else max(1, numb_steps // 100)


def worker_factor(scale_by_worker: str, batches: int) -> float:
    """Return the factor of the learning rate for a step with several batches, one of each rank."""
    return {"linear": float(batches), "sqrt": math.sqrt(batches), "none": 1.0}[scale_by_worker]


def make_schedule(config, numb_steps: int, batches: int = 1) -> Callable[[int], float]:
    """Return the schedule of the section ``learning_rate`` for `numb_steps` steps of `batches` batches."""
    factor = worker_factor(config.scale_by_worker, batches)
    if config.type == "cosine":
        return Cosine(config.start_lr * factor, config.stop_lr * factor, numb_steps)
    decay_steps = sensible_decay_steps(config.decay_steps, numb_steps)
    rate = config.decay_rate
    if rate is None:
        rate = math.exp(math.log(config.stop_lr / config.start_lr) / (numb_steps / decay_steps))
    return Exponential(config.start_lr * factor, rate, decay_steps)
