"""The learning curve ``lcurve.out``: one line per display, in the columns of DeePMD-kit."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write

_STEP = re.compile(r"[0-9]{1,18}")
NOTE = (
    "# *_trn: root mean square over all training batches since the previous line; *_val: over the validation batches. "
    "Energies and virials are per atom; nan where there are no labels."
)


class LearningCurve:
    """Write the learning curve; a continued run keeps the lines up to its first step.

    Parameters
    ----------
    path : str or Path
        Path of the file, ``lcurve.out``.
    keys : tuple of str
        Names of the errors, such as ``("rmse", "rmse_e", "rmse_f")``.
    validation : bool
        Write validation columns.
    first_step : int
        First step of this run. 0 starts a new file; otherwise lines after `first_step` are removed.
    """

    def __init__(self, path: str | Path, keys: tuple[str, ...], validation: bool, first_step: int = 0):
        self.path = Path(path)
        parts = ("val", "trn") if validation else ("trn",)
        self._columns = [(key, part) for key in keys for part in parts]
        names = ["step", *(f"{key}_{part}" for key, part in self._columns), "lr"]
        header = "#  " + "".join(f"{name:>{6 if name == 'step' else 14}}" for name in names)
        kept = _kept_lines(self.path, names, first_step) if first_step else []
        atomic_write(self.path, "".join(line + "\n" for line in [header, NOTE, *kept]))
        with self._refusal():
            self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> LearningCurve:
        """Return the learning curve."""
        return self

    def __exit__(self, kind, *exception) -> None:
        """Close the file; an earlier error takes precedence over one of closing."""
        with contextlib.suppress(InputError) if kind else contextlib.nullcontext():
            self.close()

    def write(self, step: int, training: dict[str, float], validation: dict[str, float] | None, lr: float) -> None:
        """Add a line; raise `InputError` if that fails."""
        source = {"trn": training, "val": validation or {}}
        values = [source[part].get(key, math.nan) for key, part in self._columns]
        with self._refusal():
            self._file.write(f"{step:9d}" + "".join(f"{value:14.4e}" for value in [*values, lr]) + "\n")

    def sync(self) -> None:
        """Sync the lines written so far to disk."""
        with self._refusal():
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close the file."""
        with self._refusal():
            self._file.close()

    @contextlib.contextmanager
    def _refusal(self) -> Iterator[None]:
        """Convert errors of the operating system to `InputError`."""
        try:
            yield
        except OSError as error:
            raise InputError(f"training.disp_file: cannot write {self.path}: {error.strerror}") from error


def _kept_lines(path: Path, names: list[str], last_step: int) -> list[str]:
    """Return the lines of an earlier run up to `last_step` with the columns `names`; missing columns are nan."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    had = lines[0].lstrip("#").split() if lines and lines[0].startswith("#") else names
    kept = []
    for line in lines:
        words = line.split()
        if not words or len(words) != len(had) or not _STEP.fullmatch(words[0]) or int(words[0]) > last_step:
            continue
        if had != names:
            values = dict(zip(had, words, strict=True))
            line = f"{int(words[0]):9d}" + "".join(f"{values.get(name, 'nan'):>14}" for name in names[1:])
        kept.append(line)
    return kept


def read_lcurve(path: str | Path) -> dict[str, np.ndarray]:
    """Read a learning curve of this program or of DeePMD-kit.

    Returns
    -------
    dict
        Values ``[nlines]`` by column name.

    Raises
    ------
    InputError
        If the file is missing, or has no header or no numbers.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read a learning curve: {error}") from error
    if not lines or not lines[0].startswith("#"):
        raise InputError(f"{path}: expected a first line '# step rmse_val ...' as in lcurve.out")
    names = lines[0].lstrip("#").split()
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError as error:
            raise InputError(f"{path}:{number}: expected numbers, got {line.strip()[:60]!r}") from error
        if len(row) != len(names):
            raise InputError(f"{path}:{number}: expected {len(names)} columns as in the header, got {len(row)}")
        rows.append(row)
    if not rows:
        raise InputError(f"{path}: no lines of numbers yet")
    return dict(zip(names, np.array(rows).T, strict=True))
