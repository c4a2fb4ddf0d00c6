"""Read checkpoints. A checkpoint is verified when it is opened."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepmd_tf.checkpoint.manifest import Table, read_manifest, read_table, sha256_of
from deepmd_tf.checkpoint.places import (
    CONFIG,
    MANIFEST,
    STATE,
    discard_partial,
    find_checkpoint,
    next_save_number,
    prefix_of,
    require_absent,
)
from deepmd_tf.checkpoint.writer import reason_of, write_checkpoint
from deepmd_tf.errors import InputError, first_line
from deepmd_tf.untrusted.bundle import check_bundle


def _key_of(name: str) -> str:
    """Return the key of a parameter in a TensorFlow checkpoint."""
    return f"parameters/{name.replace('.', '..').replace('/', '.S')}/.ATTRIBUTES/VARIABLE_VALUE"


class StoredCheckpoint:
    """A checkpoint on disk; it is verified when opened.

    Parameters
    ----------
    place : str or Path
        Checkpoint, prefix or directory, see `find_checkpoint`.

    Attributes
    ----------
    path : Path
        Directory of the checkpoint.
    step : int
        Number of steps done.
    metadata : Table
        Metadata of the run.
    config : Table
        Configuration of the run.

    Raises
    ------
    InputError
        If the checkpoint is missing, damaged, or of an unknown format.
    """

    def __init__(self, place: str | Path):
        self.path = find_checkpoint(place)
        manifest = read_manifest(self.path / MANIFEST)
        self.step, self.metadata, checksums = (manifest[key] for key in ("step", "metadata", "sha256"))
        whole = isinstance(self.step, int) and self.step >= 0
        if not whole or not isinstance(self.metadata, Table) or not isinstance(checksums, Table):
            raise InputError(f"{self.path / MANIFEST}: not the manifest of a checkpoint (step, metadata or sha256)")
        if unlisted := sorted({f"{STATE}.index", CONFIG} - set(checksums)):
            raise InputError(f"{self.path / MANIFEST}: {', '.join(unlisted)} is not listed")
        for name, expected in checksums.items():
            file = self.path / Path(name).name
            if not file.is_file() or sha256_of(file) != expected:
                raise InputError(
                    f"{file}: missing or damaged (its checksum differs from the recorded one); use an older checkpoint"
                )
        try:
            self.config = read_table(self.path / CONFIG)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{self.path / 'config.json'}: not the configuration of a run ({error})") from error

    @property
    def data(self) -> dict:
        """Facts about the training data that the frozen graph stores."""
        data = self.metadata["data"]
        if not isinstance(data, Table):
            raise InputError(f"{self.path}: its data, {str(data)[:80]!r}, are not what a run writes")
        return data

    def values(self) -> dict[str, np.ndarray]:
        """Return all parameters by name.

        Raises
        ------
        InputError
            If the state is not a valid TensorFlow checkpoint, even if its checksum is correct.
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
        """Write a copy of this checkpoint with some parameters changed, and the optimizer state unchanged.

        Parameters
        ----------
        target : str or Path
            Directory of the new checkpoint. It must not exist. If its name is ``{prefix}-{step}``, it becomes the
            latest checkpoint of the prefix.
        changed : mapping of str to ndarray
            New values by parameter name.

        Raises
        ------
        InputError
            If the directory exists or cannot be written.
        """
        target = Path(target)
        require_absent(target, "checkpoint")
        facts = {"serial": next_save_number(prefix_of(target)), "step": self.step, "metadata": self.metadata}
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
            write_checkpoint(target, write_state, self.config, facts)
        except (OSError, tf.errors.OpError) as error:
            with contextlib.suppress(OSError):
                discard_partial(target)
            raise InputError(f"cannot write checkpoint {target}: {reason_of(error)}") from error
        return target

    def restore(self, trackables: Mapping) -> None:
        """Assign the stored state to variables."""
        try:
            check_bundle(self.path / STATE)
            tf.train.Checkpoint(**trackables).read(str(self.path / STATE)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise InputError(
                f"{self.path}: does not fit the model in the input file ({first_line(error)}); restart with the input "
                "file of this checkpoint"
            ) from error
