"""Checkpoints: directories that appear whole or not at all.

``model.ckpt-1000/`` holds TensorFlow's checkpoint of the parameters, the optimiser and the run's state, the run's
configuration (``config.json``), and a list of these files with their checksums (``manifest.json``). It is written under
another name, synced, and renamed. The text file ``checkpoint`` beside it names the latest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write, sync_directory

FORMAT = 1
_POINTER = "checkpoint"
_STATE = "state"


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
        if self.prefix.parent.exists() and not os.access(self.prefix.parent, os.W_OK):
            raise InputError(f"training.save_ckpt: cannot write into the directory {self.prefix.parent}")
        self.prefix.parent.mkdir(parents=True, exist_ok=True)

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
        temporary = target.with_name(f".{target.name}.partial")
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            self._checkpoint.write(str(temporary / _STATE))
            (temporary / "config.json").write_text(json.dumps(self._config, indent=1), encoding="utf-8")
            manifest = {
                "format": FORMAT,
                "step": step,
                "metadata": metadata,
                "sha256": {file.name: _sha256(file) for file in sorted(temporary.iterdir())},
            }
            (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            for file in temporary.iterdir():
                _sync(file)
            sync_directory(temporary)
            _replace_directory(temporary, target)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise InputError(f"training.save_ckpt: cannot write checkpoint {target}: {error}") from error
        if label is None:
            atomic_write(self.prefix.with_name(_POINTER), f"{target.name}\n")
            for old in _numbered(self.prefix)[: -self.keep]:
                shutil.rmtree(old, ignore_errors=True)
        return target


def _replace_directory(source: Path, target: Path) -> None:
    """Rename `source` to `target`; an older `target` steps aside first and is then removed."""
    aside = target.with_name(f".{target.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        os.rename(target, aside)
    os.rename(source, target)
    sync_directory(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _numbered(prefix: Path) -> list[Path]:
    """Checkpoints ``{prefix}-{step}``, by step."""
    pattern = re.compile(re.escape(prefix.name) + r"-(\d+)")
    found = []
    if prefix.parent.is_dir():
        for path in prefix.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match and path.is_dir():
                found.append((int(match.group(1)), path))
    return [path for _, path in sorted(found)]


def find_checkpoint(place: str | Path) -> Path:
    """Find the checkpoint that a user means.

    Parameters
    ----------
    place : str or Path
        A checkpoint (``model.ckpt-1000``), a prefix (``model.ckpt``: its latest), or a directory of checkpoints (the
        latest in it).

    Raises
    ------
    InputError
        When there is none.
    """
    place = Path(place)
    if (place / "manifest.json").is_file():
        return place
    if place.is_dir():
        pointer = place / _POINTER
        if pointer.is_file():
            named = place / pointer.read_text(encoding="utf-8", errors="replace").strip()
            if (named / "manifest.json").is_file():
                return named
        candidates = [path for path in place.iterdir() if (path / "manifest.json").is_file()]
        numbered = [path for path in candidates if re.search(r"-\d+$", path.name)]
        if numbered:
            return max(numbered, key=lambda path: int(path.name.rsplit("-", 1)[1]))
    elif numbered := _numbered(place):
        return numbered[-1]
    raise InputError(
        f"{place}: no checkpoint there; give a checkpoint directory such as model.ckpt-1000, its prefix model.ckpt, "
        "or the directory in which training ran"
    )


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
        try:
            manifest = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
            self.step, self.metadata = int(manifest["step"]), dict(manifest["metadata"])
            checksums, version = dict(manifest["sha256"]), manifest["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.path}/manifest.json: not a checkpoint's list of files ({error})") from error
        if version != FORMAT:
            raise InputError(f"{self.path}: checkpoint format {version}, this program reads format {FORMAT}")
        for name, expected in checksums.items():
            file = self.path / Path(name).name
            if not file.is_file() or _sha256(file) != expected:
                raise InputError(
                    f"{file}: missing or damaged (its checksum is not the one recorded); use an older "
                    "checkpoint beside it"
                )
        self.config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))

    def values(self) -> dict[str, np.ndarray]:
        """All parameters by name."""
        reader = tf.train.load_checkpoint(str(self.path / _STATE))
        prefix, suffix = "parameters/", "/.ATTRIBUTES/VARIABLE_VALUE"
        return {
            key[len(prefix) : -len(suffix)].replace(".S", "/"): reader.get_tensor(key)
            for key in reader.get_variable_to_shape_map()
            if key.startswith(prefix) and key.endswith(suffix)
        }

    def restore(self, trackables: Mapping) -> None:
        """Put the stored state into variables."""
        try:
            tf.train.Checkpoint(**trackables).read(str(self.path / _STATE)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{self.path}: does not fit the model in the input file ({reason}); restart with the input "
                "it was made from"
            ) from error
