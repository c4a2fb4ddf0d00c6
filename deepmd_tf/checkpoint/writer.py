"""Writing checkpoints: each appears whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

from deepmd_tf.checkpoint.manifest import sha256_of, write_manifest
from deepmd_tf.checkpoint.places import (
    CONFIG,
    MANIFEST,
    PARTIAL,
    POINTER,
    STATE,
    clean_up,
    hidden_path,
    next_save_number,
    numbered_checkpoints,
    remove,
    replace_directory,
)
from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write, make_directory, sync_directory
from deepmd_tf.ops.messages import op_message


class CheckpointWriter:
    """Saves a run at intervals and keeps the newest few.

    Parameters
    ----------
    prefix : str or Path
        ``training.save_ckpt``; checkpoints are ``{prefix}-{step}``.
    keep : int
        How many numbered checkpoints stay.
    config : dict
        The run's configuration, stored with every checkpoint.
    trackables : mapping
        What `tf.train.Checkpoint` saves.
    """

    def __init__(self, prefix: str | Path, keep: int, config: dict, trackables: Mapping):
        self.prefix = Path(prefix)
        self.keep = keep
        self._config = config
        self._checkpoint = tf.train.Checkpoint(**trackables)
        make_directory(self.prefix.parent, "training.save_ckpt")

    def save(self, step: int, metadata: dict, label: str | None = None) -> Path:
        """Write a checkpoint.

        Parameters
        ----------
        step : int
            Steps done.
        metadata : dict
            What is stored beside the arrays, JSON.
        label : str, optional
            Takes the place of the step in the name; such a checkpoint is replaced in place and not counted.

        Returns
        -------
        Path
            The checkpoint's directory.
        """
        target = self.prefix.with_name(f"{self.prefix.name}-{step if label is None else label}")
        manifest = {"step": step, "metadata": metadata}
        try:
            clean_up(self.prefix)
            manifest["serial"] = next_save_number(self.prefix)
            write_checkpoint(target, self._checkpoint.write, self._config, manifest)
        except (OSError, tf.errors.OpError) as error:
            with contextlib.suppress(OSError):
                clean_up(self.prefix)
            raise InputError(f"training.save_ckpt: cannot write checkpoint {target}: {reason_of(error)}") from error
        if label is None:
            atomic_write(self.prefix.with_name(POINTER), f"{target.name}\n")
            for old in numbered_checkpoints(self.prefix)[: -self.keep]:
                with contextlib.suppress(OSError):
                    remove(old)
        return target


def write_checkpoint(target: Path, write_state: Callable[[str], object], config: dict, facts: dict) -> None:
    """Write a checkpoint beside its place, and put it there when it is whole and on disk.

    Parameters
    ----------
    target : Path
        The checkpoint's directory.
    write_state : callable
        Writes TensorFlow's checkpoint of a prefix.
    config : dict
        The run's configuration.
    facts : dict
        Of the list of files, beside format and checksums.
    """
    temporary = hidden_path(target, PARTIAL)
    temporary.mkdir()
    write_state(str(temporary / STATE))
    (temporary / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
    checksums = {file.name: sha256_of(file) for file in sorted(temporary.iterdir())}
    write_manifest(temporary / MANIFEST, {**facts, "sha256": checksums})
    for file in temporary.iterdir():
        _sync(file)
    sync_directory(temporary)
    replace_directory(temporary, target)


def reason_of(error: OSError | tf.errors.OpError) -> str:
    """Return the message of an error of the system or of TensorFlow."""
    return op_message(error) if isinstance(error, tf.errors.OpError) else str(error)


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
