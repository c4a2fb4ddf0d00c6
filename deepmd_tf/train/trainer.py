"""The training loop."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.config import Config, ModelConfig, config_to_dict
from deepmd_tf.data import validation_batches
from deepmd_tf.data.pipeline import Stream, batch_at, signature
from deepmd_tf.data.share import SharedBatches
from deepmd_tf.errors import InputError, user_message
from deepmd_tf.loss import METRICS, EnergyLoss, rmse
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.model.type_embedding import with_distinct_types
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import ModelStatistics
from deepmd_tf.train.adam import Adam
from deepmd_tf.train.changes import report_changes
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.checkpoint.writer import CheckpointWriter
from deepmd_tf.checkpoint.earlier import bring_back, set_aside
from deepmd_tf.train.interruption import Interruption
from deepmd_tf.train.outputs import NoOutputs, Outputs
from deepmd_tf.checkpoint.places import BEST
from deepmd_tf.train.prepare import ALONE, batches_per_step, report_sel
from deepmd_tf.train.progress import Progress, read_progress
from deepmd_tf.train.ranks import Ranks
from deepmd_tf.train.report import Reporter
from deepmd_tf.train.schedule import make_schedule
from deepmd_tf.train.shared_step import SharedStep, make_step
from deepmd_tf.data.source import DataSource
from deepmd_tf.transfer.start import Start
from deepmd_tf.train.step import Outcome, TrainingStep

log = logging.getLogger("deepmd_tf")


class Trainer:
    """A model, its data, and everything that a restart must bring back.

    Parameters
    ----------
    config : Config
        The run; `sel` and `seed` are numbers by now.
    training, validation : DataSource
        The data; validation may be None.
    statistics : ModelStatistics
        From the training data, or blank when `start` holds them.
    start : Start, optional
        Parameters to begin with.
    facts : dict, optional
        What the frozen graph will carry on about the data (``min_nbor_dist``); with `start`, taken from there.
    ranks : Ranks
        The processes that train together.
    """

    def __init__(
        self,
        config: Config,
        training: DataSource,
        validation: DataSource | None,
        statistics: ModelStatistics,
        *,
        start: Start | None = None,
        facts: dict | None = None,
        ranks: Ranks = ALONE,
    ):
        self.config, self._training, self._validation = config, training, validation
        self._ranks = ranks
        self.parameters = TrainableParameters(None if start is None else start.values)
        model_config = config.model if start is not None else _with_distinct_types(config.model)
        self._model = EnergyModel(model_config, statistics=statistics, parameters=self.parameters)
        if start is not None:
            start.check_used(self.parameters.by_name)
        self._loss = EnergyLoss(config.loss)
        trainable = {name: v for name, v in self.parameters.by_name.items() if v.trainable}
        if not trainable:
            raise InputError("model: every part has trainable false, so there is nothing to train")
        self._adam = Adam(trainable)
        batches = batches_per_step(config, ranks.size)
        self._schedule = make_schedule(config.learning_rate, config.training.numb_steps, batches)
        self._facts = dict(facts or {}) if start is None else start.facts
        self.step, self._continued = 0, None
        self._best = np.inf
        self._reset_sums()
        self._max_neighbors = np.zeros(len(config.model.descriptor.members) * len(config.model.type_map), int)
        self._sel_reported = False
        self._failure: str | None = None
        self._interrupted = False
        self._functions = self._new_functions()

    def _reset_sums(self) -> None:
        self._sums, self._summed = np.zeros(len(METRICS)), 0

    @property
    def _trackables(self) -> dict:
        return {"parameters": self.parameters.by_name, "adam": self._adam.state}

    def restore(self, checkpoint: StoredCheckpoint) -> None:
        """Continue where a checkpoint was made.

        Raises
        ------
        InputError
            When it is of another model, or beyond the last step of this run.
        """
        last = self.config.training.numb_steps
        if checkpoint.step > last:
            raise InputError(
                f"training.numb_steps: {last} steps end before {checkpoint.path}, which is of step {checkpoint.step}; "
                "ask for more steps, or restart from an earlier checkpoint"
            )
        checkpoint.restore(self._trackables)
        stored = read_progress(checkpoint, self._model.descriptor.panels)
        self.step, self._continued = checkpoint.step, checkpoint.path
        self._best, self._sums, self._summed, self._facts = stored.best, stored.sums, stored.summed, stored.data
        self._model.descriptor.panels = stored.panels
        self._functions = self._new_functions()
        report_changes(checkpoint, self.config, self._run_facts())

    def _run_facts(self) -> dict:
        """What a run is made of beside its input file."""
        return {"ranks": self._ranks.size, "training_data": self._training.fingerprint}

    def _stored_metadata(self) -> dict:
        progress = Progress(self._best, self._sums, self._summed, self._model.descriptor.panels, self._facts)
        return progress.metadata() | self._run_facts()

    def run(self, interruption: Interruption) -> Path:
        """Train to the last step, or until interrupted; return the last checkpoint."""
        options, ranks = self.config.training, self._ranks
        last = options.numb_steps
        keys = ("rmse", *(f"rmse_{term.key}" for term in self._loss.active))
        mine = SharedBatches(self._training.sampler, ranks.rank, ranks.size)
        self._batches = Stream(self._training.systems, mine, self.step)
        self._take_parameters_of_rank_0()
        ranks.begin()  # what rank 0 moves out of its way, all have read
        saved, begun = None, self.step
        with (
            self._outputs(keys) as outputs,
            Reporter(self.step, last, show_time=options.time_training) as reporter,
        ):
            ranks.begin()
            while self._go_on(interruption):
                saved = None
                with self._sparing_what_was_learnt():
                    self._train_one(outputs)
                    reporter.advance(self.step)
                    if self.step % options.disp_freq == 0 or self.step == last:
                        self._display(outputs, reporter, keys)
                if self.step % options.save_freq == 0 and self.step > begun:
                    saved = outputs.save(self.step, self._stored_metadata())
            failure = next(filter(None, ranks.gather(self._failure)), None)
            if saved is None and (failure is None or self.step > begun):
                saved = outputs.save(self.step, self._stored_metadata())
        if failure is not None:
            kept = "; the checkpoint of this step has all that was learnt, --restart goes on from it"
            raise InputError(f"after step {self.step}: {failure}{kept if self.step > begun else ''}")
        self._summarize(reporter, saved, self._interrupted)
        return saved

    def _go_on(self, interruption: Interruption) -> bool:
        """Take the next batch; return whether all ranks have theirs, no rank was told to stop, and steps are left."""
        left = self.step < self.config.training.numb_steps
        if left and self._failure is None:
            with self._noting_failure():
                self._batch = next(self._batches)
        flags = np.array([interruption.requested, self._failure is not None], float)
        self._interrupted, failed = map(bool, self._ranks.largest(flags))
        return left and not (self._interrupted or failed)

    @contextlib.contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Keep what is said of data that cannot be read, so that all ranks end together, after saving."""
        try:
            yield
        except Exception as error:
            self._failure = user_message(error)
            if self._failure is None:
                raise

    @contextlib.contextmanager
    def _sparing_what_was_learnt(self) -> Iterator[None]:
        """Keep what is said of memory that runs out where it leaves everything as after a step; ranks would wait."""
        try:
            yield
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            if self._ranks.size > 1 or self._adam.updates.numpy() != self.step:
                raise
            self._failure = user_message(error)

    def _outputs(self, keys: tuple[str, ...]) -> NoOutputs:
        """Open what this rank writes, where no other run is."""
        if not self._ranks.leads:
            return NoOutputs()
        options = self.config.training
        config = config_to_dict(self.config)
        writer = CheckpointWriter(options.save_ckpt, options.max_ckpt_keep, config, self._trackables)
        if self._continued is None:
            set_aside(options.save_ckpt, options.disp_file)
        else:
            bring_back(options.save_ckpt, options.disp_file, self._continued)
        return Outputs(options, (keys, self._validation is not None), self.step, writer)

    def _take_parameters_of_rank_0(self) -> None:
        """Begin alike on all ranks, whatever was drawn without a seed."""
        for name, value in self._ranks.broadcast(self.parameters.values()).items():
            self.parameters.by_name[name].assign(value)

    def _train_one(self, outputs: NoOutputs) -> None:
        """Take one step with the batch at hand; raises `InputError` when loss or gradients are not finite."""
        rate = self._schedule(self.step)
        outcome = self._outcome(
            self._training, self.step, lambda step: step.train(self._batch, rate, rate / self._schedule(0))
        )
        if not outcome.finite:
            advice = "loss or gradient is not finite; look at these frames, or lower learning_rate.start_lr"
            raise self._bad_batch(self._training, self.step, advice)
        self.step += 1
        metrics = outcome.metrics.numpy()
        self._sums += metrics
        self._summed += 1
        self._note_neighbors(outcome.max_neighbors.numpy())
        if self.step % self.config.training.tensorboard_freq == 0:
            outputs.scalars(self.step, {f"{k}_trn": v for k, v in rmse(metrics, 1).items()} | {"lr": rate})

    def _outcome(self, source: DataSource, number: int, run: Callable[[TrainingStep | SharedStep], Outcome]) -> Outcome:
        """Run a graph function on batch `number` of a source, tabulating the embedding more finely where it must be."""
        try:
            while not (outcome := run(self._functions)).resolved:
                descriptor = self._model.descriptor
                remade = descriptor.refine(outcome.unresolved.numpy())
                log.debug("step %d: the embedding is tabulated on %s", self.step, descriptor.resolution)
                if remade:
                    self._functions = self._new_functions()
        except tf.errors.InvalidArgumentError as error:
            raise self._bad_batch(source, number, ops.op_message(error)) from error
        return outcome

    def _new_functions(self) -> TrainingStep | SharedStep:
        return make_step(self._ranks, self._model, self._loss, self._adam, signature())

    def _bad_batch(self, source: DataSource, batch: int, what: str) -> InputError:
        """Name the frames that training stopped at."""
        parts = source.sampler.batch_at(batch)
        places = "; ".join(f"{source.systems[i].path}, frames {list(map(int, frames))}" for i, frames in parts)
        return InputError(f"after step {self.step}: {places}: {what}. Checkpoints written before are kept")

    def _note_neighbors(self, max_neighbors: np.ndarray) -> None:
        self._max_neighbors = np.maximum(self._max_neighbors, max_neighbors)
        if not self._sel_reported:
            of_members = np.split(self._max_neighbors, len(self.config.model.descriptor.members))
            self._sel_reported = report_sel(self.config, of_members)

    def _display(self, outputs: NoOutputs, reporter: Reporter, keys: tuple[str, ...]) -> None:
        """Validate, write a line of the learning curve, and keep the best model so far."""
        rate = self._schedule(self.step)

        def shown(errors):
            return {key: errors[key] for key in keys}

        self._check_that_ranks_agree()
        training = shown(rmse(self._sums, self._summed))
        errors = None if self._validation is None else self._validate(rate)
        self._reset_sums()
        if self._validation is not None and errors is None:
            return
        validation = None if errors is None else shown(errors)
        outputs.line(self.step, training, validation, rate)
        reporter.display(self.step, training, validation, rate)
        if validation is None:
            return
        outputs.scalars(self.step, {f"{key}_val": value for key, value in validation.items()})
        score = _score(validation)
        if score < self._best:
            self._best = score
            outputs.save(self.step, self._stored_metadata(), label=BEST)

    def _check_that_ranks_agree(self) -> None:
        """Raise `InputError` when parameters are not the same on all ranks: MPI need not promise it."""
        checksum = 0
        for value in self.parameters.values().values():
            checksum = zlib.crc32(np.ascontiguousarray(value), checksum)
        if len(set(self._ranks.gather(checksum))) > 1:
            raise InputError(
                f"step {self.step}: parameters differ between ranks, because the MPI library sums to other bits on "
                "other ranks; restart from the last checkpoint, with another library or on one rank"
            )

    def _validate(self, rate: float) -> dict[str, float] | None:
        """Errors over the next batches of the validation data, of which ranks evaluate one each at a time.

        None on all ranks when one of them cannot read its batch.
        """
        source, options, ranks = self._validation, self.config.training, self._ranks
        sampler = source.sampler
        count = validation_batches(
            options.validation_data.numb_btch, sampler.batch_sizes, source.systems, sampler.draws_per_batch
        )
        start = self.step // options.disp_freq * count
        sums = np.zeros(len(METRICS))
        for number in range(start + ranks.rank, start + ranks.rank + count, ranks.size):
            batch = None
            with self._noting_failure():
                batch = batch_at(source.systems, sampler, number) if number < start + count else None
            if ranks.any(self._failure is not None):
                return None
            outcome = self._outcome(source, number, lambda step, b=batch: step.evaluate(b, rate / self._schedule(0)))
            if not outcome.finite:
                raise self._bad_batch(source, number, "the error on these validation frames is not finite")
            sums += outcome.metrics.numpy()
            self._note_neighbors(outcome.max_neighbors.numpy())
        return rmse(sums, count)

    def _summarize(self, reporter: Reporter, saved: Path, interrupted: bool) -> None:
        rows = [
            (
                "interrupted at" if interrupted else "trained to",
                f"step {self.step} of {self.config.training.numb_steps}",
            ),
            ("wall time", str(reporter.stopwatch.elapsed)),
            ("learning curve", self.config.training.disp_file),
            ("checkpoint", str(saved)),
            *self._ranks.summary(),
        ]
        if np.isfinite(self._best):
            rows.append(("best so far", f"{self.config.training.save_ckpt}-{BEST} (validation {self._best:.4e})"))
        command = f"dp train INPUT --restart {saved}" if interrupted else f"dp freeze -c {saved} -o graph.pb"
        rows.append(("next", command))
        reporter.summary(rows)


def _score(errors: dict[str, float]) -> float:
    """Return what the best model is chosen by: the force error, without forces that of the energy, or of the virial.

    Not the loss, whose weights change along the run.
    """
    known = [errors[key] for key in ("rmse_f", "rmse_e", "rmse_v") if np.isfinite(errors.get(key, np.nan))]
    return known[0] if known else np.inf


def _with_distinct_types(model: ModelConfig) -> ModelConfig:
    """Let a fresh model begin with species that it can tell apart."""
    if model.type_embedding is None:
        return model
    return dataclasses.replace(model, type_embedding=with_distinct_types(model.type_embedding, model.type_map))
