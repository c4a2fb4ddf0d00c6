"""Change the energies per species of a graph or a checkpoint."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmd_tf.checkpoint.places import require_absent
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.config import Config, parse_config
from deepmd_tf.errors import InputError
from deepmd_tf.export.change_bias import BIAS, shift_graph
from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.export.native import native_graph
from deepmd_tf.files import atomic_write, check_writable, make_directory
from deepmd_tf.infer.deep_pot import DeepPot

_AGREEMENT = 1e-8
"""Tolerance of the energy shift of a changed graph, relative to the energy."""

_ROUNDINGS = 8
"""Tolerance in units in the last place, for graphs that store the energies per species in float32."""


@dataclass(frozen=True)
class ChangeableModel:
    """Model, and a function that writes it with shifted energies per species.

    Attributes
    ----------
    potential : DeepPot
        The model.
    bias : ndarray
        Energies per species (eV) ``[ntypes]``.
    rcond : float or None
        Relative cutoff for small singular values of the compositions, from the training input.
    kept : tuple of int
        Types with energies assigned in the training input (``atom_ener``).
    write : callable
        Writes the model; its argument is the shift (eV) ``[ntypes]``.
    """

    potential: DeepPot
    bias: np.ndarray
    rcond: float | None
    kept: tuple[int, ...]
    write: Callable[[np.ndarray], None]


@contextlib.contextmanager
def potential_of(config: Config, values: Mapping[str, np.ndarray]) -> Iterator[DeepPot]:
    """Yield a potential with the parameters `values` of a model in training."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "graph.pb"
        path.write_bytes(native_graph(config, values, np.inf).SerializeToString())
        yield DeepPot(path)


@contextlib.contextmanager
def open_model(path: str, output: str) -> Iterator[ChangeableModel]:
    """Open a graph (a file) or a checkpoint.

    Parameters
    ----------
    path : str
        The model.
    output : str
        Path of the changed model. A graph may replace a file; a checkpoint needs a new directory.

    Raises
    ------
    InputError
        If the model is neither a graph nor a checkpoint, if it is damaged, or if `output` cannot be written.
    """
    if Path(path).is_file():
        make_directory(Path(output).absolute().parent, "--output")
        check_writable(output, "--output")
        yield _open_graph(path, output)
        return
    stored = StoredCheckpoint(path)
    require_absent(Path(output), "--output")
    make_directory(Path(output).absolute().parent, "--output")
    values, config = stored.values(), parse_config(stored.config)

    def write(shift: np.ndarray) -> None:
        stored.write_changed(output, {BIAS: values[BIAS] + shift})

    with potential_of(config, values) as potential:
        fitting = config.model.fitting_net
        yield ChangeableModel(potential, values[BIAS], fitting.rcond, _assigned_types(fitting.atom_ener), write)


def _open_graph(path: str, output: str) -> ChangeableModel:
    graph, potential = read_graph_def(path), DeepPot(path)
    values = constants(graph, path)
    bias = np.zeros(potential.get_ntypes())
    fitting = potential.facts.script.get("model", {}).get("fitting_net", {})
    rcond, assigned = fitting.get("rcond"), fitting.get("atom_ener") or ()

    def write(shift: np.ndarray) -> None:
        changed = shift_graph(graph, shift, path)
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "graph.pb"
            file.write_bytes(changed.SerializeToString(deterministic=True))
            dtype = values[BIAS].dtype
            tolerance = max(_AGREEMENT, _ROUNDINGS * np.finfo(dtype).eps if dtype.kind == "f" else 0.0)
            _check_shift(potential, DeepPot(file), shift, path, tolerance)
        atomic_write(output, changed.SerializeToString(deterministic=True))

    if BIAS in values:
        bias = np.asarray(values[BIAS], float).reshape(-1)
    return ChangeableModel(potential, bias, rcond, _assigned_types(assigned), write)


def _assigned_types(energies) -> tuple[int, ...]:
    return tuple(k for k, energy in enumerate(energies) if energy is not None)


def _check_shift(before: DeepPot, after: DeepPot, shift: np.ndarray, path: str, tolerance: float) -> None:
    """Raise `InputError` unless the energy of each isolated atom has shifted as requested.

    A graph of another program may contain the constant without adding it to its energies.
    """
    for k in range(len(shift)):
        atom = (np.zeros((1, 3)), None, [k])
        extra = {
            name: np.zeros(width)
            for name, width in (("fparam", before.get_dim_fparam()), ("aparam", before.get_dim_aparam()))
            if width
        }
        old, new = (potential.eval(*atom, **extra)[0].item() for potential in (before, after))
        if abs(new - old - shift[k]) > tolerance * max(abs(old), abs(new), 1.0):
            raise InputError(f"{path}: the graph does not add {BIAS} to its energies, so they cannot be changed")
