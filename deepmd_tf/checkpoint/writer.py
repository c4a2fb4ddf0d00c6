"""Write checkpoints atomically."""

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
    """Write the checkpoints of a run and keep the newest ones.

    Parameters
    ----------
    prefix : str or Path
        ``training.save_ckpt``; checkpoints are ``{prefix}-{step}``.
    keep : int
        Number of numbered checkpoints to keep.
    config : dict
        Configuration of the run, stored in every checkpoint.
    trackables : mapping
        Objects that `tf.train.Checkpoint` saves.
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
            Number of steps done.
        metadata : dict
            Metadata to store, as JSON.
        label : str, optional
            Name to use in place of the step. Such a checkpoint is overwritten and does not count toward `keep`.

        Returns
        -------
        Path
            Directory of the checkpoint.
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
    """Write a checkpoint into a hidden directory, sync it to disk, and rename it.

    Parameters
    ----------
    target : Path
        Directory of the checkpoint.
    write_state : callable
        Function that writes the TensorFlow checkpoint with a given prefix.
    config : dict
        Configuration of the run.
    facts : dict
        Keys of the manifest other than the format and the checksums.
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
    """Return the message of an error of the operating system or of TensorFlow."""
    return op_message(error) if isinstance(error, tf.errors.OpError) else str(error)


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
