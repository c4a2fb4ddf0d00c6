"""Learning-rate schedules as functions of the step.

A schedule is a linear warm-up, then a decay over the remaining steps. The keys and formulae are those of DeePMD-kit's
section ``learning_rate``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up from ``warmup_start_factor * start_lr`` to `start_lr`, then `decay`.

    Attributes
    ----------
    start_lr : float
        Learning rate after the warm-up; the prefactors of the loss depend on its ratio to the current learning rate.
    decay : callable
        Learning rate as a function of the number of steps since the warm-up.
    warmup_steps : int
        Number of steps of the warm-up.
    warmup_start_factor : float
        Learning rate at step 0, divided by `start_lr`.
    """

    start_lr: float
    decay: Callable[[int], float]
    warmup_steps: int = 0
    warmup_start_factor: float = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate at `step`."""
        if step < self.warmup_steps:
            factor = self.warmup_start_factor
            return self.start_lr * (factor + (1 - factor) * step / self.warmup_steps)
        return self.decay(step - self.warmup_steps)


@dataclass(frozen=True)
class Exponential:
    """``start_lr * rate^(step / decay_steps)``, at least `stop_lr`; from `last_step` on `stop_lr`.

    The exponent is rounded down to an integer unless `smooth`.
    """

    start_lr: float
    stop_lr: float
    rate: float
    decay_steps: int
    smooth: bool = False
    last_step: float = math.inf

    def __call__(self, step: int) -> float:
        """Return the learning rate `step` steps after the warm-up."""
        if step >= self.last_step:
            return self.stop_lr
        exponent = step / self.decay_steps if self.smooth else step // self.decay_steps
        return max(self.start_lr * self.rate**exponent, self.stop_lr)


@dataclass(frozen=True)
class StableDecay:
    """`start_lr` for `stable_steps`, then a decay to `stop_lr` over `decay_steps`.

    `decay_type` is ``linear``, ``cosine`` (half a cosine), or ``inverse_linear``, with which the inverse of the
    learning rate is linear.
    """

    start_lr: float
    stop_lr: float
    stable_steps: int
    decay_steps: int
    decay_type: str

    def __call__(self, step: int) -> float:
        """Return the learning rate `step` steps after the warm-up."""
        start, stop = self.start_lr, self.stop_lr
        done = min(max(step - self.stable_steps, 0), self.decay_steps)
        if self.decay_type == "cosine":
            return stop + 0.5 * (start - stop) * (1.0 + math.cos(math.pi * done / self.decay_steps))
        left = 1 - done / self.decay_steps
        if self.decay_type == "linear":
            return stop + (start - stop) * left
        return 1.0 / (left / start + (1 - left) / stop)


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


def make_schedule(config, numb_steps: int, batches: int = 1) -> Schedule:
    """Return the schedule of the section ``learning_rate`` for `numb_steps` steps of `batches` batches."""
    factor = worker_factor(config.scale_by_worker, batches)
    start_lr, stop_lr = config.start_lr * factor, config.final_lr * factor
    warmup_steps = config.warmup_steps_of(numb_steps)
    decay = _decay(config, start_lr, stop_lr, numb_steps, numb_steps - warmup_steps)
    return Schedule(start_lr, decay, warmup_steps, config.warmup_start_factor)


def _decay(config, start_lr: float, stop_lr: float, numb_steps: int, left: int) -> Callable[[int], float]:
    """Return the decay over the `left` steps after the warm-up."""
    if config.type == "cosine":
        return StableDecay(start_lr, stop_lr, 0, left, "cosine")
    if config.type == "wsd":
        steps = min(max(1, int(config.decay_phase_ratio * numb_steps)), left)
        return StableDecay(start_lr, stop_lr, left - steps, steps, config.decay_type)
    if config.decay_rate is not None:
        return Exponential(start_lr, stop_lr, config.decay_rate, config.decay_steps, config.smooth)
    decay_steps = sensible_decay_steps(config.decay_steps, left)
    rate = (stop_lr / start_lr) ** (decay_steps / left)
    return Exponential(start_lr, stop_lr, rate, decay_steps, config.smooth, last_step=left)
