"""Surveys of the data kept in a file, so that the next run need not look at the same frames again.

A survey is found by a checksum of everything that it depends on: coordinates, cells and types of every frame, how often
each frame counts, and the settings. The file is JSON with a checksum of its own.
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
from deepmd_tf.statistics.environment import NeighborStatistics, Survey

log = logging.getLogger("deepmd_tf")

DEFAULT_NAME = "deepmd_tf-statistics.json"
SLOW = 10.0
"""Seconds from which on a survey is kept beside the data without being asked to."""

_FORMAT = "deepmd_tf statistics 1"
_MOST = 32
_LARGEST = 2**26


class StoredSurveys:
    """The surveys in one file.

    Parameters
    ----------
    stat_file : str or None
        ``training.stat_file``; None means a file beside the data, which is used when it is there and made when looking
        at the data took long.
    systems : sequence of System
        The training data.

    Raises
    ------
    InputError
        When the file that was asked for holds something else; one beside the data is left out with a warning.
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
            if self._asked:
                raise
            log.warning("%s", error)
            self._usable = False

    def key(self, weights: Sequence[np.ndarray], settings: object) -> str:
        """Checksum of the data, of how often each frame counts, and of settings (as they are shown by `repr`)."""
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
        """Return the survey of this data with these settings, if the file has it."""
        if not self._surveys:
            return None
        stored = self._surveys.get(self.key(weights, settings))
        if stored is None:
            return None
        log.info("%s: statistics of this data are there already", self.path)
        return _survey(stored)

    def keep(self, weights: Sequence[np.ndarray], settings: object, survey: Survey, seconds: float) -> None:
        """Add a survey that took `seconds` to the file, if it was asked for or took long; the oldest make room."""
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
        surveys = dict(list(self._surveys.items())[-_MOST:])
        try:
            content = {"format": _FORMAT, "checksum": _checksum(surveys), "surveys": surveys}
            atomic_write(self.path, json.dumps(content, indent=1) + "\n")
        except InputError as error:
            if self._asked:
                raise
            log.info("statistics are not kept: %s", error)
            return
        log.info("%s: statistics are kept for the next run", self.path)


def beside(systems: Sequence[System]) -> Path:
    """Return where statistics of systems are kept: in the nearest directory that has all of them."""
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
            raise ValueError("it holds something else")
        if content.get("checksum") != _checksum(content["surveys"]):
            raise ValueError("its checksum is wrong")
        return content["surveys"]
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise InputError(
            f"training.stat_file: {path} is no file of statistics that this program wrote ({error}); remove it, or "
            "give another name"
        ) from None


def _survey(stored: dict) -> Survey:
    distance = stored["min_distance"]
    neighbors = NeighborStatistics(np.array(stored["max_neighbors"], int), math.inf if distance is None else distance)
    return Survey(np.array(stored["centers"], float), np.array(stored["sums"], float), neighbors)
