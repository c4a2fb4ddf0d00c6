"""Checkpoints: directories that appear whole or not at all.

``model.ckpt-1000/`` holds TensorFlow's checkpoint of the parameters, the optimiser and the run's state, the run's
configuration (``config.json``), and a list of these files with their checksums (``manifest.json``). It is written as
``.model.ckpt-1000.partial``, synced, and renamed; a checkpoint that it replaces steps aside as ``.model.ckpt-1000.old``
meanwhile and still counts when a kill falls between the two renames. The text file ``checkpoint`` names the latest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write, make_directory, sync_directory
from deepmd_tf.ops.messages import said_by_op
from deepmd_tf.train.bundle import check_bundle

FORMAT = 1
_POINTER = "checkpoint"
_STATE = "state"
_MANIFEST = "manifest.json"
_PARTIAL, _OLD = ".partial", ".old"


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
            _clean(self.prefix)
            manifest["serial"] = 1 + max((_serial(path) for path in _numbered(self.prefix)), default=0)
            _write(target, self._checkpoint.write, self._config, manifest)
        except (OSError, tf.errors.OpError) as error:
            with contextlib.suppress(OSError):
                _clean(self.prefix)
            raise InputError(f"training.save_ckpt: cannot write checkpoint {target}: {_reason(error)}") from error
        if label is None:
            atomic_write(self.prefix.with_name(_POINTER), f"{target.name}\n")
            for old in _numbered(self.prefix)[: -self.keep]:
                with contextlib.suppress(OSError):
                    _remove(old)
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
    temporary = _hidden(target, _PARTIAL)
    temporary.mkdir()
    write_state(str(temporary / _STATE))
    (temporary / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    checksums = {file.name: _sha256(file) for file in sorted(temporary.iterdir())}
    manifest = {"format": FORMAT, **facts, "sha256": checksums}
    (temporary / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for file in temporary.iterdir():
        _sync(file)
    sync_directory(temporary)
    _replace_directory(temporary, target)


def _reason(error: OSError | tf.errors.OpError) -> str:
    return said_by_op(error) if isinstance(error, tf.errors.OpError) else str(error)


def _hidden(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}{suffix}")


def _clean(prefix: Path) -> None:
    """Tidy up after saves that were killed: half-written directories go, one that had stepped aside comes back."""
    pattern = re.compile(rf"\.({re.escape(prefix.name)}-\w+)({re.escape(_PARTIAL)}|{re.escape(_OLD)})")
    for path in list(prefix.parent.iterdir()):
        match = pattern.fullmatch(path.name)
        if match is None:
            continue
        owner = path.with_name(match[1])
        if match[2] == _OLD and not owner.exists():
            os.rename(path, owner)
        else:
            shutil.rmtree(path)


def _replace_directory(source: Path, target: Path) -> None:
    """Rename `source` to `target`; an older `target` steps aside first and is then removed."""
    aside = _hidden(target, _OLD)
    if target.exists():
        os.rename(target, aside)
    os.rename(source, target)
    sync_directory(target.parent)
    if aside.exists():
        shutil.rmtree(aside)


def _remove(path: Path) -> None:
    """Remove a checkpoint so that a kill on the way leaves nothing that looks like one."""
    doomed = _hidden(path, _PARTIAL)
    os.rename(path, doomed)
    shutil.rmtree(doomed)


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _where(path: Path) -> Path | None:
    """Return where the checkpoint `path` lies: there, or aside when a kill fell between two renames."""
    places = (path, _hidden(path, _OLD)) if path.name else (path,)
    return next((place for place in places if (place / _MANIFEST).is_file()), None)


def _serial(path: Path) -> int:
    """Count of saves at which a checkpoint was written; 0 when its manifest does not tell."""
    try:
        return int(json.loads((path / _MANIFEST).read_text(encoding="utf-8"))["serial"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _numbered(prefix: Path) -> list[Path]:
    """Checkpoints ``{prefix}-{step}`` in the order in which they were written.

    Not in the order of steps: a run that starts anew, or again from an older checkpoint, goes on beside later steps of
    the run that was given up.
    """
    pattern = re.compile(rf"\.?({re.escape(prefix.name)}-(\d+))(?:{re.escape(_OLD)})?")
    steps = {}
    if prefix.parent.is_dir():
        for path in prefix.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match:
                steps[prefix.with_name(match[1])] = int(match[2])
    places = {path: _where(path) for path in steps}
    found = [(_serial(place), steps[path], place) for path, place in places.items() if place is not None]
    return [place for *_, place in sorted(found)]


def _prefixes(directory: Path) -> list[Path]:
    """Prefixes of the checkpoints in a directory, the one saved last first."""
    matches = [re.fullmatch(r"\.?(.+)-\d+(\.old)?", path.name) for path in sorted(directory.iterdir())]
    names = [match[1] for match in matches if match]
    pointer = directory / _POINTER
    if pointer.is_file():
        names.insert(0, pointer.read_text(encoding="utf-8", errors="replace").strip().rpartition("-")[0])
    return [directory / name for name in dict.fromkeys(names) if name and Path(name).name == name]


def find_checkpoint(place: str | Path) -> Path:
    """Find the checkpoint that a user means.

    Parameters
    ----------
    place : str or Path
        A checkpoint (``model.ckpt-1000``), a prefix (``model.ckpt``: the one written last), or a directory of
        checkpoints (the one written last, of the prefix that the file ``checkpoint`` names).

    Raises
    ------
    InputError
        When there is none.
    """
    place = Path(place)
    if exact := _where(place):
        return exact
    for prefix in _prefixes(place) if place.is_dir() else [place]:
        if numbered := _numbered(prefix):
            return numbered[-1]
    raise InputError(
        f"{place}: no checkpoint there; give a checkpoint directory such as model.ckpt-1000, its prefix model.ckpt, "
        "or the directory in which training ran"
    )


def _key_of(name: str) -> str:
    """Return the key of a parameter in TensorFlow's checkpoint."""
    return f"parameters/{name.replace('.', '..').replace('/', '.S')}/.ATTRIBUTES/VARIABLE_VALUE"


class _Table(dict):
    """A table of a checkpoint; `InputError` for a key that is not there, whose checksum may be right all the same."""

    origin = ""

    def __missing__(self, key: str) -> None:
        raise InputError(f"{self.origin}: lacks the key {key}")


def _read_table(path: Path) -> _Table:
    """Read a JSON file that holds a table; raises `ValueError` for anything else."""

    def table(pairs: list[tuple[str, object]]) -> _Table:
        result = _Table(pairs)
        result.origin = str(path)
        return result

    result = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=table)
    if not isinstance(result, _Table):
        raise ValueError(f"expected a table, got {type(result).__name__}")
    return result


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
            manifest = _read_table(self.path / _MANIFEST)
            self.step, self.metadata = int(manifest["step"]), manifest["metadata"]
            checksums, version = dict(manifest["sha256"]), manifest["format"]
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"{self.path / _MANIFEST}: not a checkpoint's list of files ({error})") from error
        if version != FORMAT:
            raise InputError(f"{self.path}: checkpoint format {version}, this program reads format {FORMAT}")
        if unlisted := sorted({f"{_STATE}.index", "config.json"} - set(checksums)):
            raise InputError(f"{self.path / _MANIFEST}: does not list {', '.join(unlisted)}")
        for name, expected in checksums.items():
            file = self.path / Path(name).name
            if not file.is_file() or _sha256(file) != expected:
                raise InputError(
                    f"{file}: missing or damaged (its checksum is not the one recorded); use an older "
                    "checkpoint beside it"
                )
        try:
            self.config = _read_table(self.path / "config.json")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{self.path / 'config.json'}: not the input of a run ({error})") from error

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
            reason = str(getattr(error, "message", error)).splitlines() or [type(error).__name__]
            raise InputError(f"{self.path / _STATE}: cannot be read ({reason[0][:200]})") from error

    def _values(self) -> dict[str, np.ndarray]:
        check_bundle(self.path / _STATE)
        reader = tf.train.load_checkpoint(str(self.path / _STATE))
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
            The directory of the new checkpoint; another checkpoint there is replaced.
        changed : mapping of str to ndarray
            By parameter name.
        """
        target = Path(target)
        reader = tf.train.load_checkpoint(str(self.path / _STATE))
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
            shutil.rmtree(_hidden(target, _PARTIAL), ignore_errors=True)
            _write(target, write_state, self.config, {"serial": 1, "step": self.step, "metadata": self.metadata})
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(_hidden(target, _PARTIAL), ignore_errors=True)
            raise InputError(f"cannot write checkpoint {target}: {_reason(error)}") from error
        return target

    def restore(self, trackables: Mapping) -> None:
        """Put the stored state into variables."""
        try:
            check_bundle(self.path / _STATE)
            tf.train.Checkpoint(**trackables).read(str(self.path / _STATE)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{self.path}: does not fit the model in the input file ({reason}); restart with the input "
                "it was made from"
            ) from error
