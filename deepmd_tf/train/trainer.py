"""The training loop."""

from __future__ import annotations

import logging
import time
import zlib
from datetime import timedelta
from pathlib import Path

import numpy as np

from deepmd_tf.checkpoint.places import BEST
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.config import Config
from deepmd_tf.data.pipeline import Stream, signature
from deepmd_tf.data.share import SharedBatches
from deepmd_tf.errors import InputError
from deepmd_tf.loss import METRICS, EnergyLoss, rmse
from deepmd_tf.model.build import TrainableModel
from deepmd_tf.optimizer import make_optimizer
from deepmd_tf.train.callbacks import Beginning, Callback, Display, TrainingResult
from deepmd_tf.train.changes import report_changes
from deepmd_tf.train.data import RunData, batches_per_step
from deepmd_tf.train.failure import Failure, bad_batch, naming_batch
from deepmd_tf.train.interruption import Interruption
from deepmd_tf.train.outputs import NoOutputs, open_outputs
from deepmd_tf.train.progress import Progress, read_progress
from deepmd_tf.train.ranks import ALONE, Ranks
from deepmd_tf.train.resolving import ResolvingStep
from deepmd_tf.train.schedule import make_schedule
from deepmd_tf.train.sel import SelMonitor
from deepmd_tf.train.step import Learning
from deepmd_tf.train.validation import Validation, score

log = logging.getLogger("deepmd_tf")


class Trainer:
    """A model, its data, and the state that a restart restores.

    Parameters
    ----------
    config : Config
        The configuration of the run, `sel` and `seed` in numbers.
    data : RunData
        Training and validation data.
    trainable : TrainableModel
        The model with its initial parameters.
    facts : dict
        Facts about the data that the frozen graph stores (``min_nbor_dist``).
    ranks : Ranks
        Processes that train together.
    """

    def __init__(self, config: Config, data: RunData, trainable: TrainableModel, facts: dict, ranks: Ranks = ALONE):
        self.config, self._data, self._facts, self.ranks = config, data, dict(facts), ranks
        self.parameters = trainable.parameters
        self._loss = EnergyLoss(config.loss)
        self._optimizer = make_optimizer(
            config.optimizer, trainable.trainable_variables(), trainable.model.parameter_blocks()
        )
        batches = batches_per_step(config, ranks.size)
        self._schedule = make_schedule(config.learning_rate, config.training.numb_steps, batches)
        self.step, self._continued = 0, None
        self._best = np.inf
        self._reset_sums()
        self._failure, self._sel = Failure(), SelMonitor(config)
        self._validation = None
        if data.validation is not None:
            self._validation = Validation(data.validation, config.training, ranks, self._failure, self._sel)
        self._stop_requested = self._interrupted = False
        self._learning = Learning(trainable.model, self._loss, self._optimizer, config.training.gradient_max_norm)
        self._step = ResolvingStep(ranks, self._learning, signature())

    def _reset_sums(self) -> None:
        self._sums, self._summed = np.zeros(len(METRICS)), 0

    @property
    def _trackables(self) -> dict:
        """Variables that checkpoints store."""
        return {"parameters": self.parameters.by_name, "adam": self._optimizer.state}

    @property
    def _keys(self) -> tuple[str, ...]:
        """Names of the errors in the learning curve."""
        return ("rmse", *(f"rmse_{term.key}" for term in self._loss.active))

    def restore(self, checkpoint: StoredCheckpoint) -> None:
        """Continue from a checkpoint.

        Raises
        ------
        InputError
            When the checkpoint is of another model, or is beyond the last step of this run.
        """
        last = self.config.training.numb_steps
        if checkpoint.step > last:
            raise InputError(
                f"training.numb_steps: {last} steps end before {checkpoint.path}, which is of step {checkpoint.step}; "
                "ask for more steps, or restart from an earlier checkpoint"
            )
        checkpoint.restore(self._trackables)
        stored = read_progress(checkpoint, len(self.config.model.descriptor.members))
        self.step, self._continued = checkpoint.step, checkpoint.path
        self._best, self._sums, self._summed, self._facts = stored.best, stored.sums, stored.summed, stored.data
        self._step = ResolvingStep(self.ranks, self._learning, signature(), stored.resolution)
        report_changes(checkpoint, self.config, self._run_facts())

    def _run_facts(self) -> dict:
        """Return the circumstances of the run that are not in its input file."""
        return {"ranks": self.ranks.size, "training_data": self._data.training.fingerprint}

    def _metadata(self) -> dict:
        progress = Progress(self._best, self._sums, self._summed, self._step.resolution, self._facts)
        return progress.metadata() | self._run_facts()

    def run(self, callbacks: Callback, interruption: Interruption) -> TrainingResult:
        """Train until the last step, a request to stop, or a failure, and save.

        Parameters
        ----------
        callbacks : Callback
            Called between steps on this rank.
        interruption : Interruption
            Requests of signals to stop.

        Raises
        ------
        InputError
            When data cannot be read, numbers are not finite, or a file cannot be written. The message says what was
            saved.
        """
        training, ranks = self._data.training, self.ranks
        batches = Stream(training.systems, SharedBatches(training.sampler, ranks.rank, ranks.size), self.step)
        self._copy_parameters_of_rank_0()
        ranks.begin()  # all ranks have read the files that rank 0 moves now
        callbacks.on_begin(Beginning(self.config, self.step))
        columns = (self._keys, self._validation is not None)
        with open_outputs(self.config, ranks, self._trackables, columns, (self.step, self._continued)) as outputs:
            ranks.begin()
            begin = time.monotonic()
            saved = self._steps(batches, outputs, callbacks, interruption)
            elapsed = timedelta(seconds=round(time.monotonic() - begin))
        result = self._result(saved, elapsed)
        callbacks.on_end(result)
        return result

    def _steps(self, batches: Stream, outputs: NoOutputs, callbacks: Callback, interruption: Interruption) -> Path:
        """Take the steps; return the last checkpoint."""
        options, first = self.config.training, self.step
        saved = None
        while (batch := self._next_batch(batches, interruption)) is not None:
            saved = None
            with self._failure.of_memory(self._is_after_step):
                self._train_one(batch, outputs)
                callbacks.on_step(self.step)
                if self.step % options.disp_freq == 0 or self.step == options.numb_steps:
                    self._display(outputs, callbacks)
            if self.step % options.save_freq == 0 and self.step > first:
                saved = self._save(outputs, callbacks)
        failure = next(filter(None, self.ranks.gather(self._failure.message)), None)
        if saved is None and (failure is None or self.step > first):
            saved = self._save(outputs, callbacks)
        if failure is not None:
            kept = "; the checkpoint of this step has the current state, use --restart to continue from it"
            raise InputError(f"after step {self.step}: {failure}{kept if self.step > first else ''}")
        return saved

    def _next_batch(self, batches: Stream, interruption: Interruption):
        """Return the next batch; None on all ranks when the run is over, stopped, or a rank cannot read its batch."""
        batch = None
        left = self.step < self.config.training.numb_steps
        if left and self._failure.message is None:
            with self._failure.of_reading():
                batch = next(batches)
        flags = [bool(interruption.requested) or self._stop_requested, self._failure.message is not None]
        self._interrupted, failed = map(bool, self.ranks.largest(np.array(flags, float)))
        return batch if left and not (self._interrupted or failed) else None

    def _is_after_step(self) -> bool:
        """Whether parameters and optimizer are those after `step`, and no other rank waits for this one."""
        return self.ranks.size == 1 and self._optimizer.updates.numpy() == self.step

    def _copy_parameters_of_rank_0(self) -> None:
        """Begin with equal parameters on all ranks, also when they were drawn without a seed."""
        for name, value in self.ranks.broadcast(self.parameters.values()).items():
            self.parameters.by_name[name].assign(value)

    def _lr_ratio(self) -> float:
        """Learning rate divided by `learning_rate.start_lr`."""
        return self._schedule(self.step) / self._schedule.start_lr

    def _train_one(self, batch, outputs: NoOutputs) -> None:
        """Take one step; raise `InputError` when loss or gradients are not finite."""
        rate = self._schedule(self.step)
        with naming_batch(self._data.training, self.step, self.step):
            outcome = self._step.train(batch, rate, self._lr_ratio())
        if not outcome.finite:
            advice = "loss or gradient is not finite; inspect these frames, or lower learning_rate.start_lr"
            raise bad_batch(self._data.training, self.step, self.step, advice)
        self._optimizer.refresh(self.ranks)
        self.step += 1
        metrics = outcome.metrics.numpy()
        self._sums += metrics
        self._summed += 1
        self._sel.add(outcome.max_neighbors.numpy())
        if self.step % self.config.training.tensorboard_freq == 0:
            outputs.scalars(self.step, {f"{k}_trn": v for k, v in rmse(metrics, 1).items()} | {"lr": rate})

    def _display(self, outputs: NoOutputs, callbacks: Callback) -> None:
        """Validate, write a line of the learning curve, and save the model if it is the best so far."""
        self._check_that_ranks_agree()
        training = self._selected(rmse(self._sums, self._summed))
        validation = None
        if self._validation is not None:
            ratio = self._lr_ratio()
            validation = self._validation.errors(self.step, lambda batch: self._step.evaluate(batch, ratio))
        self._reset_sums()
        if validation is None and self._validation is not None:
            return  # a rank cannot read its data: the run ends
        validation = None if validation is None else self._selected(validation)
        display = Display(self.step, training, validation, self._schedule(self.step))
        outputs.line(display)
        self._stop_requested |= bool(callbacks.on_display(display))
        if validation is None:
            return
        outputs.scalars(self.step, {f"{key}_val": value for key, value in validation.items()})
        if score(validation) < self._best:
            self._best = score(validation)
            self._save(outputs, callbacks, label=BEST)

    def _selected(self, errors: dict[str, float]) -> dict[str, float]:
        return {key: errors[key] for key in self._keys}

    def _save(self, outputs: NoOutputs, callbacks: Callback, label: str | None = None) -> Path | None:
        path = outputs.save(self.step, self._metadata(), label)
        if path is not None:
            callbacks.on_save(self.step, path)
        return path

    def _check_that_ranks_agree(self) -> None:
        """Raise `InputError` when parameters differ between ranks; MPI does not guarantee equal sums."""
        checksum = 0
        for value in self.parameters.values().values():
            checksum = zlib.crc32(np.ascontiguousarray(value), checksum)
        if len(set(self.ranks.gather(checksum))) > 1:
            raise InputError(
                f"step {self.step}: parameters differ between ranks, because the MPI library does not sum to the same "
                "bits on all ranks; restart from the last checkpoint, with another library or on one rank"
            )

    def _result(self, saved: Path | None, elapsed: timedelta) -> TrainingResult:
        options = self.config.training
        best = Path(f"{options.save_ckpt}-{BEST}") if np.isfinite(self._best) else None
        return TrainingResult(
            checkpoint=saved,
            step=self.step,
            last_step=options.numb_steps,
            elapsed=elapsed,
            interrupted=self._interrupted,
            best=best,
            best_score=self._best,
            parallel=tuple(self.ranks.summary()),
        )
