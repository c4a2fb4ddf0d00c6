"""`training`: the data, the number of steps, and the output files."""

# ruff: noqa: RUF009 - `option` declares a dataclass field
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deepmd_tf.config.fields import NOT_EMPTY, NOT_NEGATIVE, POSITIVE, option
from deepmd_tf.config.xyz_keys import XyzKeysConfig

_BATCH_SIZE = re.compile(r"auto|(auto|max|filter|mixed|mixed:auto):[1-9][0-9]*")
_PERCENT = re.compile(r"[0-9]+(\.[0-9]*)?%")


def _systems(purpose: str):
    return option(
        f"The data systems for {purpose}: directories, HDF5 files (`file.hdf5`, `file.hdf5#/group`), extended XYZ "
        "files (`.xyz`, `.extxyz`), as a list or a single path. A directory or HDF5 file without `type.raw` is "
        "searched recursively for systems. Relative paths start at the current directory (docs/data.md).",
        limits=NOT_EMPTY,
    )


def _batch_size():
    return option(
        "Frames per batch: an integer for all systems, a list with one integer per system, or a rule. `auto` is the "
        "same as `auto:32`. `auto:N`: as many frames as are needed for at least N atoms. `max:N`: as many frames as "
        "have at most N atoms, at least one. `filter:N`: as `max:N`, without frames of more than N atoms. `mixed:N`: N "
        "frames, each from a system that is drawn for it. `mixed:auto:N`: as many such frames as have N atoms on "
        "average. A batch has frames of one system; with `mixed`, of several systems.",
        "auto",
        limits=POSITIVE,
    )


def _auto_prob():
    return option(
        "Probability of each system. `prob_uniform`: equal for all systems. `prob_sys_size`: proportional to its "
        "number of batches (with `mixed:N`, of frames). `prob_sys_size;0:2:0.3;2:5:0.7`: systems 0 and 1 together have "
        "weight 0.3, systems 2 to 4 have weight 0.7; within a block, proportional to the number of batches.",
        "prob_sys_size",
        alias=("auto_prob_style",),
    )


def _sys_probs():
    return option(
        "Relative weight of each system, one number per system; replaces `auto_prob`.",
        None,
        limits=NOT_NEGATIVE,
        alias=("sys_weights",),
    )


@dataclass(frozen=True)
class DataConfig:
    """Systems of a data set and the rules by which frames are drawn."""

    systems: tuple[str, ...] | str = _systems("training")
    batch_size: int | tuple[int, ...] | str = _batch_size()
    auto_prob: str = _auto_prob()
    sys_probs: tuple[float, ...] | None = _sys_probs()
    xyz_keys: XyzKeysConfig = option(
        "Names of the labels in extended XYZ files.", XyzKeysConfig(), own=True, section=XyzKeysConfig
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that do not go together."""
        if not self.systems:
            yield "systems", "expected at least one directory, got none"
        if isinstance(self.batch_size, str) and not _BATCH_SIZE.fullmatch(self.batch_size):
            yield "batch_size", _batch_size_message(self.batch_size)
        elif self.batch_size == ():
            yield "batch_size", "expected one integer per system, got an empty list"
        if self.sys_probs is not None and sum(self.sys_probs) <= 0:
            yield "sys_probs", f"expected at least one positive weight, got {list(self.sys_probs)}"
        message = auto_prob_message(self.auto_prob)
        if message:
            yield "auto_prob", message
        if str(self.batch_size).startswith("filter:") and (self.sys_probs is not None or ";" in self.auto_prob):
            yield (
                "batch_size",
                "'filter:N' omits systems, but sys_probs and blocks of auto_prob refer to all systems; use 'max:N'",
            )


@dataclass(frozen=True)
class ValidationDataConfig(DataConfig):
    """Systems for validation."""

    systems: tuple[str, ...] | str = _systems("validation")
    numb_btch: int | str = option(
        "Batches per validation: an integer, or `N%` of all batches.", 1, limits=POSITIVE, alias=("numb_batch",)
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that do not go together."""
        yield from super().problems()
        if isinstance(self.numb_btch, str):
            valid = _PERCENT.fullmatch(self.numb_btch) and 0 < float(self.numb_btch[:-1]) <= 100
            if not valid:
                yield "numb_btch", f"expected a positive integer or 'N%' with N from 0 to 100, got '{self.numb_btch}'"


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The training run."""

    training_data: DataConfig = option("The training data.", section=DataConfig)
    validation_data: ValidationDataConfig | None = option(
        "The validation data. Without this section, no validation errors are reported.",
        None,
        section=ValidationDataConfig,
    )
    numb_steps: int | None = option(
        "Number of training steps; each uses one batch. Required unless `numb_epoch` is given.",
        None,
        limits=POSITIVE,
        alias=("stop_batch", "numb_step", "num_steps", "num_step"),
    )
    numb_epoch: float | None = option(
        "Length of the run in epochs, instead of `numb_steps`. One epoch is the expected number of steps until every "
        "system has been drawn as often as it has batches.",
        None,
        limits=POSITIVE,
        alias=("num_epoch", "num_epochs", "numb_epochs"),
    )
    seed: int | None = option(
        "Seed of the order in which frames are drawn; null: a random seed.", None, limits=NOT_NEGATIVE
    )
    share_batch: bool = option(
        "Batches with several ranks (`mpirun -n N dp train`). `false`: in each step every rank has its own batch of "
        "`batch_size`, as in DeePMD-kit; a step uses N times as many frames, and `learning_rate.scale_by_worker` "
        "applies. `true`: the ranks share one batch of `batch_size`, so that a run gives the same result on any number "
        "of ranks, up to rounding.",
        False,
        own=True,
    )
    stat_file: str | None = option(
        "File with statistics and neighbor counts of the training data (JSON, with checksums). They are read from this "
        "file if data and settings are the same. For a directory, the file is `deepmd_tf-statistics.json` in it. null: "
        "a file of this name in the nearest directory that contains all systems, written if computing the statistics "
        "took more than ten seconds.",
        None,
        limits=NOT_EMPTY,
    )
    disp_file: str = option("File for the learning curve.", "lcurve.out", limits=NOT_EMPTY)
    disp_freq: int = option("Steps between two lines of the learning curve.", 1000, limits=POSITIVE)
    save_freq: int = option("Steps between two checkpoints.", 1000, limits=POSITIVE)
    save_ckpt: str = option("Path prefix of the checkpoints.", "model.ckpt", limits=NOT_EMPTY)
    max_ckpt_keep: int = option("Number of checkpoints to keep; older ones are removed.", 5, limits=POSITIVE)
    time_training: bool = option("Log the time per step.", True)
    gradient_max_norm: float | None = option(
        "Largest norm of the gradient of all parameters; a larger gradient is scaled down to it. null or 0: no limit.",
        None,
        limits=NOT_NEGATIVE,
    )
    tensorboard: bool = option("Write TensorBoard events.", False)
    tensorboard_log_dir: str = option("Directory of the TensorBoard events.", "log", limits=NOT_EMPTY)
    tensorboard_freq: int = option("Steps between two TensorBoard events.", 1, limits=POSITIVE)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield `(key, message)` for values that do not go together."""
        if self.numb_steps is None and self.numb_epoch is None:
            yield "numb_steps", "required key is missing; give it, or numb_epoch"
        elif self.numb_steps is not None and self.numb_epoch is not None:
            yield "numb_epoch", "numb_steps is also given; remove one"


def _batch_size_message(value: str) -> str:
    return (
        "expected a positive integer, a list of them, 'auto', 'auto:N', 'max:N', 'filter:N', 'mixed:N' or "
        f"'mixed:auto:N' with a positive N, got '{value}'"
    )


def auto_prob_message(value: str) -> str:
    """Return the message for an invalid value of `auto_prob`, else an empty string."""
    style, *blocks = value.split(";")
    if style not in ("prob_uniform", "prob_sys_size") or (style == "prob_uniform" and blocks):
        return f"expected 'prob_uniform', 'prob_sys_size' or 'prob_sys_size;start:end:weight;...', got '{value}'"
    for block in blocks:
        try:
            start, end, weight = block.split(":")
            valid = 0 <= int(start) < int(end) and 0 <= float(weight) < float("inf")
        except ValueError:
            valid = False
        if not valid:
            return f"expected blocks 'start:end:weight' with 0 <= start < end and weight >= 0, got '{block}'"
    return ""
