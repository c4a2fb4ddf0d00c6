"""Checkpoints: directories that appear whole or not at all.

``model.ckpt-1000/`` holds TensorFlow's checkpoint of the parameters, the optimiser and the run's state, the run's
configuration (``config.json``), and a list of these files with their checksums (``manifest.json``). It is written as
``.model.ckpt-1000.partial``, synced, and renamed; a checkpoint that it replaces steps aside as ``.model.ckpt-1000.old``
meanwhile and still counts when a kill falls between the two renames. The text file ``checkpoint`` names the latest.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepmd_tf.errors import InputError, first_line
from deepmd_tf.files import atomic_write, make_directory, sync_directory
from deepmd_tf.ops.messages import said_by_op
from deepmd_tf.train.bundle import check_bundle
from deepmd_tf.train.manifest import Table, read_manifest, read_table, sha256_of, write_manifest
from deepmd_tf.train.places import (
    CONFIG,
    MANIFEST,
    PARTIAL,
    POINTER,
    STATE,
    check_free,
    clean,
    discard_partial,
    find_checkpoint,
    hidden,
    next_serial,
    numbered,
    prefix_of,
    remove,
    replace_directory,
)


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
            clean(self.prefix)
            manifest["serial"] = next_serial(self.prefix)
            _write(target, self._checkpoint.write, self._config, manifest)
        except (OSError, tf.errors.OpError) as error:
            with contextlib.suppress(OSError):
                clean(self.prefix)
            raise InputError(f"training.save_ckpt: cannot write checkpoint {target}: {_reason(error)}") from error
        if label is None:
            atomic_write(self.prefix.with_name(POINTER), f"{target.name}\n")
            for old in numbered(self.prefix)[: -self.keep]:
                with contextlib.suppress(OSError):
                    remove(old)
        return target


def _write(target: Path, write_state: Callable[[str], object], config: dict, facts: dict) -> None:
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
    temporary = hidden(target, PARTIAL)
    temporary.mkdir()
    write_state(str(temporary / STATE))
    (temporary / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
    checksums = {file.name: sha256_of(file) for file in sorted(temporary.iterdir())}
    write_manifest(temporary / MANIFEST, {**facts, "sha256": checksums})
    for file in temporary.iterdir():
        _sync(file)
    sync_directory(temporary)
    replace_directory(temporary, target)


def _reason(error: OSError | tf.errors.OpError) -> str:
    return said_by_op(error) if isinstance(error, tf.errors.OpError) else str(error)


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _key_of(name: str) -> str:
    """Return the key of a parameter in TensorFlow's checkpoint."""
    return f"parameters/{name.replace('.', '..').replace('/', '.S')}/.ATTRIBUTES/VARIABLE_VALUE"


class StoredCheckpoint:
    """A checkpoint on disk, verified when opened.

    Parameters
    ----------
    place : str or Path
        See `find_checkpoint`.

    Raises
    ------
    InputError
        When it is missing, damaged, or of another format.
    """

    def __init__(self, place: str | Path):
        self.path = find_checkpoint(place)
        manifest = read_manifest(self.path / MANIFEST)
        self.step, self.metadata, checksums = (manifest[key] for key in ("step", "metadata", "sha256"))
        whole = isinstance(self.step, int) and self.step >= 0
        if not whole or not isinstance(self.metadata, Table) or not isinstance(checksums, Table):
            raise InputError(f"{self.path / MANIFEST}: not a checkpoint's list of files (step, metadata or sha256)")
        if unlisted := sorted({f"{STATE}.index", CONFIG} - set(checksums)):
            raise InputError(f"{self.path / MANIFEST}: does not list {', '.join(unlisted)}")
        for name, expected in checksums.items():
            file = self.path / Path(name).name
            if not file.is_file() or sha256_of(file) != expected:
                raise InputError(
                    f"{file}: missing or damaged (its checksum is not the one recorded); use an older "
                    "checkpoint beside it"
                )
        try:
            self.config = read_table(self.path / CONFIG)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{self.path / 'config.json'}: not the input of a run ({error})") from error

    @property
    def data(self) -> dict:
        """What the frozen graph will carry on about the training data."""
        data = self.metadata["data"]
        if not isinstance(data, Table):
            raise InputError(f"{self.path}: its data, {str(data)[:80]!r}, are not what a run writes")
        return data

    def values(self) -> dict[str, np.ndarray]:
        """All parameters by name.

        Raises
        ------
        InputError
            When the state is not what TensorFlow writes; its checksum cannot tell who made it.
        """
        try:
            return self._values()
        except (tf.errors.OpError, ValueError, KeyError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path / STATE}: cannot be read ({first_line(error)})") from error

    def _values(self) -> dict[str, np.ndarray]:
        check_bundle(self.path / STATE)
        reader = tf.train.load_checkpoint(str(self.path / STATE))
        prefix, suffix = "parameters/", "/.ATTRIBUTES/VARIABLE_VALUE"
        return {
            re.sub(
                r"\.([.S])", lambda m: {"S": "/", ".": "."}[m[1]], key[len(prefix) : -len(suffix)]
            ): reader.get_tensor(key)
            for key in reader.get_variable_to_shape_map()
            if key.startswith(prefix) and key.endswith(suffix)
        }

    def write_changed(self, target: str | Path, changed: Mapping[str, np.ndarray]) -> Path:
        """Write this checkpoint to another place with some parameters changed; all else stays, the optimiser too.

        Parameters
        ----------
        target : str or Path
            The directory of the new checkpoint, which must not be there; as ``{prefix}-{step}`` it is the latest of
            the prefix.
        changed : mapping of str to ndarray
            By parameter name.

        Raises
        ------
        InputError
            When something is there, or cannot be written.
        """
        target = Path(target)
        check_free(target, "checkpoint")
        facts = {"serial": next_serial(prefix_of(target)), "step": self.step, "metadata": self.metadata}
        reader = tf.train.load_checkpoint(str(self.path / STATE))
        tensors = {key: reader.get_tensor(key) for key in sorted(reader.get_variable_to_shape_map())}
        for name, value in changed.items():
            key = _key_of(name)
            tensors[key] = np.asarray(value, tensors[key].dtype).reshape(tensors[key].shape)

        def write_state(prefix: str) -> None:
            slices = [""] * len(tensors)
            tf.raw_ops.SaveV2(
                prefix=prefix, tensor_names=list(tensors), shape_and_slices=slices, tensors=list(tensors.values())
            )

        try:
            discard_partial(target)
            _write(target, write_state, self.config, facts)
        except (OSError, tf.errors.OpError) as error:
            with contextlib.suppress(OSError):
                discard_partial(target)
            raise InputError(f"cannot write checkpoint {target}: {_reason(error)}") from error
        return target

    def restore(self, trackables: Mapping) -> None:
        """Put the stored state into variables."""
        try:
            check_bundle(self.path / STATE)
            tf.train.Checkpoint(**trackables).read(str(self.path / STATE)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise InputError(
                f"{self.path}: does not fit the model in the input file ({first_line(error)}); restart with the input "
                "it was made from"
            ) from error
