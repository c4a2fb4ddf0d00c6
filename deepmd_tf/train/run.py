"""A training run, from a configuration to checkpoints: what ``dp train`` does, for scripts and notebooks.

from deepmd_tf import Run

run = Run.prepare("input.json")  # or a dict with the same keys
result = run.train()
print(result.checkpoint)
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from deepmd_tf.checkpoint.lock import only_run
from deepmd_tf.config import Config, load_config, parse_config
from deepmd_tf.data import Sampler
from deepmd_tf.errors import InputError
from deepmd_tf.model.build import model_with, new_model
from deepmd_tf.train.callbacks import Callback, Callbacks, TrainingResult
from deepmd_tf.train.data import RunData, load_data, log_data, log_ranks
from deepmd_tf.train.energies import fit_energies
from deepmd_tf.train.interruption import Interruption
from deepmd_tf.train.measure import check_sel, measure
from deepmd_tf.train.notices import warn_of_oddities, warn_of_settings
from deepmd_tf.train.origin import Origin, open_origin
from deepmd_tf.train.outputs import check_outputs
from deepmd_tf.train.ranks import ALONE, Ranks
from deepmd_tf.train.trainer import Trainer
from deepmd_tf.transfer.type_map import report_parameters

log = logging.getLogger("deepmd_tf")


class Run:
    """A run that is ready to train; made by `Run.prepare`.

    Attributes
    ----------
    config : Config
        The complete configuration: all defaults, `sel` and `seed` in numbers.
    """

    def __init__(self, trainer: Trainer):
        self._trainer, self._ranks, self.config = trainer, trainer.ranks, trainer.config

    @property
    def step(self) -> int:
        """Steps done so far."""
        return self._trainer.step

    def parameters(self) -> dict[str, np.ndarray]:
        """Return a copy of the current parameters, by their names in the frozen graph."""
        return self._trainer.parameters.values()

    @classmethod
    def prepare(
        cls,
        config: Config | Mapping | str | Path,
        *,
        restart: str | Path | None = None,
        init_model: str | Path | None = None,
        init_frz_model: str | Path | None = None,
        finetune: str | Path | None = None,
        skip_neighbor_stat: bool = False,
        ranks: Ranks = ALONE,
    ) -> Run:
        """Load the data, measure their statistics, and build the model. No file of an earlier run changes.

        Parameters
        ----------
        config : Config, mapping, str or Path
            The configuration, a dict with the keys of an input file, or the path of an input file (JSON or YAML).
            Relative paths in it are relative to the current directory.
        restart : str or Path, optional
            Checkpoint of a run to continue.
        init_model, init_frz_model : str or Path, optional
            Checkpoint, or frozen graph, whose parameters a new run takes.
        finetune : str or Path, optional
            Checkpoint or frozen graph whose parameters a new run takes, with energies per species fitted to the new
            data.
        skip_neighbor_stat : bool
            Whether to skip the comparison of `sel` with the neighbors in all frames.
        ranks : Ranks
            Processes that train together, from `start_ranks`; one process by default.

        Raises
        ------
        InputError
            When something in the configuration, the data or the model cannot be used.
        """
        config = _configuration(config)
        with _alone(config, ranks):
            if ranks.leads:
                check_outputs(config)
            warn_of_settings(config)
            origin = open_origin(
                restart=restart, init_model=init_model, init_frz_model=init_frz_model, finetune=finetune
            )
            config = ranks.broadcast(with_seed(config, None if origin is None else origin.stored_seed))
            if origin is not None:
                origin, config = origin.adopted_by(config)
            data = load_data(config, ranks)
            log_data(data)
            config = with_steps(config, data.training.sampler)
            if ranks.leads:
                systems = {purpose: source.systems for purpose, source in data.by_purpose().items()}
                warn_of_oddities(systems, config.model.type_map)
            log_ranks(config, data.training, ranks)
            if origin is None or origin.has_other_types:
                measured = measure(config, data.training, skip_neighbor_stat=skip_neighbor_stat, ranks=ranks)
                config = measured.config
            elif not skip_neighbor_stat:
                check_sel(config, data.training, ranks)
            if origin is None:
                return cls(Trainer(config, data, new_model(config.model, measured.statistics), measured.facts, ranks))
            if origin.has_other_types:
                origin = ranks.broadcast(origin.completed(config, measured.statistics))
            return cls._with_parameters(config, data, origin, ranks)

    @classmethod
    def _with_parameters(cls, config: Config, data: RunData, origin: Origin, ranks: Ranks) -> Run:
        """Build the run that begins with a trained model."""
        start = origin.start
        trainable = model_with(config.model, start.values)
        start.check_used(trainable.parameters.by_name)
        trainer = Trainer(config, data, trainable, start.facts, ranks)
        if origin.continued is not None:
            trainer.restore(origin.continued)
            log.info("restarting from %s at step %d", origin.continued.path, trainer.step)
        else:
            report_parameters(start)
            types = origin.types_to_fit(len(config.model.type_map))
            fit_energies(config, trainable.parameters, data.training, types, ranks)
        return cls(trainer)

    def train(self, callbacks: Iterable[Callback] = (), *, interruption: Interruption | None = None) -> TrainingResult:
        """Train to the last step, writing the learning curve and checkpoints.

        Files of an earlier run with the same ``training.save_ckpt`` are moved to ``{save_ckpt}-earlier-N/`` first.

        Parameters
        ----------
        callbacks : iterable of Callback
            Called between steps, on rank 0. `Reporter` shows a progress bar and a summary.
        interruption : Interruption, optional
            The signals that end the run after saving a checkpoint. Without it, no signal handler is installed.

        Raises
        ------
        InputError
            When data cannot be read, numbers are not finite, or a file cannot be written. The message says which
            checkpoint has the last good state.
        """
        callback = Callbacks(tuple(callbacks) if self._ranks.leads else ())
        try:
            with _alone(self.config, self._ranks):
                if interruption is None:
                    interruption = Interruption()  # installs no handlers unless it is entered
                else:
                    interruption.begin(self._ranks)
                return self._trainer.run(callback, interruption)
        finally:
            callback.close()


def _configuration(config: Config | Mapping | str | Path) -> Config:
    if isinstance(config, Config):
        return config
    return parse_config(config) if isinstance(config, Mapping) else load_config(config)


def _alone(config: Config, ranks: Ranks) -> AbstractContextManager:
    """Keep other runs from writing the same checkpoints."""
    return only_run(config.training.save_ckpt) if ranks.leads else contextlib.nullcontext()


def with_seed(config: Config, stored: int | None = None) -> Config:
    """Return `config` with a seed of the data order: the given one, else the stored one, else a random one."""
    seed = config.training.seed
    if seed is None:
        seed = stored
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        log.info("training.seed: not given, using %d", seed)
    return dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed))


def with_steps(config: Config, sampler: Sampler) -> Config:
    """Return `config` with the number of steps in place of the number of epochs of a sampler.

    Raises
    ------
    InputError
        When the warm-up of the learning rate is longer than the run.
    """
    training = config.training
    if training.numb_epoch is None:
        return config
    steps_per_epoch = sampler.steps_per_epoch()
    numb_steps = math.ceil(training.numb_epoch * steps_per_epoch)
    log.info(
        "training.numb_epoch: %g epochs of %d steps are %d steps", training.numb_epoch, steps_per_epoch, numb_steps
    )
    for key, message in config.learning_rate.problems_in_run_of(numb_steps):
        raise InputError(f"learning_rate.{key}: {message}")
    return dataclasses.replace(config, training=dataclasses.replace(training, numb_steps=numb_steps, numb_epoch=None))
