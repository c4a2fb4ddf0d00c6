"""Surveys of the data stored in a file, so that the next run does not read the same frames again.

The key of a survey is a checksum of all its inputs: coordinates, cells and types of all frames, weights of frames, and
settings. The file is JSON and has its own checksum.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepmd_tf.data import System
from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write
from deepmd_tf.geometry import COINCIDENT
from deepmd_tf.statistics.environment import NeighborStatistics, Survey

log = logging.getLogger("deepmd_tf")

DEFAULT_NAME = "deepmd_tf-statistics.json"
SLOW = 10.0
"""Smallest duration (seconds) of a survey that is stored beside the data by default."""

_FORMAT = "deepmd_tf statistics 1"
_MAX = 32
_LARGEST = 2**26
_MAX_CENTERS = 1e18
_MAX_NEIGHBORS = 1e6


class StoredSurveys:
    """Surveys in a file.

    Parameters
    ----------
    stat_file : str or None
        ``training.stat_file``; None is a file beside the data, which is used if it exists and written if the survey
        took long.
    systems : sequence of System
        The training data.

    Raises
    ------
    InputError
        If `stat_file` is given and is not a file of statistics; such a file beside the data is ignored with a warning.
    """

    def __init__(self, stat_file: str | None, systems: Sequence[System]):
        self.path = Path(stat_file) if stat_file is not None else beside(systems)
        if self.path.is_dir():
            self.path = self.path / DEFAULT_NAME
        self._asked, self._systems, self._data = stat_file is not None, systems, None
        self._usable, self._surveys = True, {}
        try:
            self._surveys = _read(self.path)
        except InputError as error:
            self._reject(error)

    def _reject(self, error: InputError) -> None:
        """Raise the error if `stat_file` is given; otherwise log it and neither use nor write the file."""
        if self._asked:
            raise error
        log.warning("%s", error)
        self._usable, self._surveys = False, {}

    def key(self, weights: Sequence[np.ndarray], settings: object) -> str:
        """Return the checksum of the data, of the weights of frames, and of the `repr` of the settings."""
        if self._data is None:
            digest = hashlib.blake2b(digest_size=16)
            for system in self._systems:
                system.geometry_digest(digest)
            self._data = digest.digest()
        digest = hashlib.blake2b(self._data, digest_size=16)
        digest.update(np.ascontiguousarray(np.concatenate(weights), dtype=np.float64))
        digest.update(repr((_FORMAT, settings)).encode())
        return digest.hexdigest()

    def find(self, weights: Sequence[np.ndarray], settings: object) -> Survey | None:
        """Return the survey of the data with these settings, or None if it is not in the file."""
        if not self._surveys:
            return None
        stored = self._surveys.get(self.key(weights, settings))
        if stored is None:
            return None
        found, ntypes = _survey(stored), len(self._systems[0].type_map)
        if len(found.centers) != ntypes:
            self._reject(_unusable(self.path, f"statistics of {len(found.centers)} types, expected {ntypes}"))
            return None
        log.info("%s: using the stored statistics of the training data", self.path)
        return found

    def keep(self, weights: Sequence[np.ndarray], settings: object, survey: Survey, seconds: float) -> None:
        """Store a survey that took `seconds` if `stat_file` is given or it took long; drop the oldest surveys."""
        if not self._usable or not (self._asked or seconds > SLOW):
            return
        key = self.key(weights, settings)
        self._surveys.pop(key, None)
        self._surveys[key] = {
            "settings": repr(settings),
            "frames": int(sum(np.count_nonzero(of_frame) for of_frame in weights)),
            "centers": survey.centers.tolist(),
            "sums": survey.sums.tolist(),
            "max_neighbors": survey.neighbors.max_neighbors.tolist(),
            "min_distance": survey.neighbors.min_distance if math.isfinite(survey.neighbors.min_distance) else None,
        }
        surveys = dict(list(self._surveys.items())[-_MAX:])
        try:
            content = {"format": _FORMAT, "checksum": _checksum(surveys), "surveys": surveys}
            atomic_write(self.path, json.dumps(content, indent=1) + "\n")
        except InputError as error:
            if self._asked:
                raise
            log.info("statistics are not stored: %s", error)
            return
        log.info("%s: statistics are stored for the next run", self.path)


def beside(systems: Sequence[System]) -> Path:
    """Return the path of the file beside the data: in the nearest directory that contains all systems."""
    places = [os.path.abspath(system.path.partition("#")[0]) for system in systems]
    common = os.path.commonpath(places)
    return Path(os.path.dirname(common) if common in places else common) / DEFAULT_NAME


def _checksum(surveys: dict) -> str:
    return hashlib.blake2b(json.dumps(surveys, sort_keys=True).encode(), digest_size=16).hexdigest()


def _read(path: Path) -> dict[str, dict]:
    try:
        if not path.exists():
            return {}
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError("it has another format")
        surveys = content.get("surveys")
        if not isinstance(surveys, dict):
            raise ValueError("it has no table of surveys")
        if content.get("checksum") != _checksum(surveys):
            raise ValueError("its checksum is wrong")
        for stored in surveys.values():
            _survey(stored)
        return surveys
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, why: object) -> InputError:
    return InputError(
        f"training.stat_file: {path} is not a statistics file of this program ({why}); remove it, or give another name"
    )


def _survey(stored: object) -> Survey:
    """Return the survey in an entry; raise `ValueError` for values that no survey can have, whatever the checksum."""
    if not isinstance(stored, dict):
        raise ValueError("a survey is not a table")
    centers = _numbers(stored, "centers", (-1,))
    sums = _numbers(stored, "sums", (len(centers), 4))
    counts = _numbers(stored, "max_neighbors", (len(centers),))
    distance = np.inf if stored.get("min_distance", ...) is None else float(_numbers(stored, "min_distance", ()))
    if not len(centers) or centers.min() < 0 or centers.max() > _MAX_CENTERS:
        raise ValueError(f"centers: expected counts up to {_MAX_CENTERS:.0e}")
    if counts.min() < 0 or counts.max() > _MAX_NEIGHBORS or (counts % 1).any():
        raise ValueError(f"max_neighbors: expected whole numbers up to {_MAX_NEIGHBORS:.0e}")
    if distance < COINCIDENT or math.isinf(distance) == counts.any():
        raise ValueError("min_distance: expected a distance (Å), or null if no atom has a neighbor")
    _check_sums(sums, centers * counts.sum(), distance)
    return Survey(centers, sums, NeighborStatistics(counts.astype(int), distance))


def _numbers(stored: dict, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the finite numbers of an entry as float64; a length of -1 in `shape` matches any length."""
    try:
        array = np.array(stored[name])
        fits = array.dtype.kind in "iuf" and array.ndim == len(shape)
        if fits and all(wanted in (-1, length) for wanted, length in zip(shape, array.shape, strict=True)):
            array = array.astype(np.float64)
            if np.isfinite(array).all():
                return array
    except (KeyError, ValueError, OverflowError):
        pass
    lengths = ", ".join("ntypes" if length < 0 else str(length) for length in shape)
    raise ValueError(f"{name}: expected {f'finite numbers [{lengths}]' if shape else 'a finite number'}")


def _check_sums(sums: np.ndarray, neighbors: np.ndarray, distance: float) -> None:
    """Raise `ValueError` for sums that are impossible with these neighbors, because s(r) is at most 1/r.

    Parameters
    ----------
    sums : ndarray
        Sums of `Survey` ``[ntypes, 4]``.
    neighbors : ndarray
        Upper bound on the total number of neighbors of the centers of each type ``[ntypes]``.
    distance : float
        Distance of the closest pair (Å).
    """
    first, second = 1.001 * neighbors / distance, 1.001 * neighbors / distance**2
    largest = np.stack([first, second, math.sqrt(3) * first, second], axis=1)
    if (np.abs(sums) > largest).any() or (sums[:, [0, 1, 3]] < 0).any():
        raise ValueError("sums: expected values that are possible at these distances")
