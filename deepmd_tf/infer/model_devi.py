"""Model deviation: the spread of the predictions of several models, an estimate of their uncertainty.

The deviation is the root mean square, over the models, of the difference from the mean of the models. It is computed
for the force on each atom, and for the virial and the energy of a frame per atom (Zhang et al., DP-GEN, Comput. Phys.
Commun. 253, 107206 (2020)). If reference data are given, they replace the mean, and the deviation is the error of the
models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write

if TYPE_CHECKING:
    from deepmd_tf.infer.deep_pot import DeepPot

COLUMNS = (
    "max_devi_v",
    "min_devi_v",
    "avg_devi_v",
    "max_devi_f",
    "min_devi_f",
    "avg_devi_f",
    "devi_e",
)


def force_deviation(force: np.ndarray, reference: np.ndarray | None = None, relative: float | None = None):
    """Return the deviation of the force on each atom.

    Parameters
    ----------
    force : ndarray
        Forces of the models (eV/Å) ``[nmodels, nframes, natoms, 3]``.
    reference : ndarray, optional
        Reference forces (eV/Å) ``[nframes, natoms, 3]``. Default: the mean of the models.
    relative : float, optional
        Divide by the magnitude of the reference force plus this level (eV/Å).

    Returns
    -------
    ndarray
        Deviation (eV/Å, or dimensionless with `relative`) ``[nframes, natoms]``.
    """
    reference = force.mean(axis=0) if reference is None else reference
    spread = np.sqrt(np.square(force - reference).sum(axis=-1).mean(axis=0))
    return spread if relative is None else spread / (np.linalg.norm(reference, axis=-1) + relative)


def virial_deviation(
    virial: np.ndarray, natoms: int, reference: np.ndarray | None = None, relative: float | None = None
) -> np.ndarray:
    """Return the deviation of each component of the virial per atom.

    Parameters
    ----------
    virial : ndarray
        Virials of the models (eV) ``[nmodels, nframes, 9]``.
    natoms : int
        Number of atoms.
    reference : ndarray, optional
        Reference virials (eV) ``[nframes, 9]``. Default: the mean of the models.
    relative : float, optional
        Divide by the Frobenius norm of the reference virial per atom plus this level (eV).

    Returns
    -------
    ndarray
        Deviation (eV, or dimensionless with `relative`) ``[nframes, 9]``.
    """
    reference = virial.mean(axis=0) if reference is None else reference
    spread = np.sqrt(np.square(virial - reference).mean(axis=0)) / natoms
    if relative is None:
        return spread
    return spread / (np.linalg.norm(reference, axis=-1, keepdims=True) / natoms + relative)


def energy_deviation(energy: np.ndarray, natoms: int, reference: np.ndarray | None = None) -> np.ndarray:
    """Return the deviation of the energy per atom (eV) ``[nframes]`` of energies (eV) ``[nmodels, nframes]``."""
    reference = energy.mean(axis=0) if reference is None else reference
    return np.sqrt(np.square(energy - reference).mean(axis=0)) / natoms


def calc_model_devi(
    coord,
    box,
    atype,
    models: Sequence[DeepPot],
    fname: str | Path | None = None,
    frequency: int = 1,
    *,
    fparam=None,
    aparam=None,
    real_data: Mapping[str, np.ndarray] | None = None,
    atomic: bool = False,
    relative: float | None = None,
    relative_v: float | None = None,
) -> np.ndarray:
    """Return the model deviation of frames.

    Parameters
    ----------
    coord, box, atype, fparam, aparam
        Frames, as in `DeepPot.eval`. Types are indices into the type map of the first model; they are converted to the
        types of the other models by name.
    models : sequence of DeepPot
        At least two potentials, or at least one with `real_data`.
    fname : str or Path, optional
        File for the result, in the format of ``dp model-devi``.
    frequency : int
        Number of steps between two frames of the trajectory.
    real_data : mapping, optional
        Reference ``energy`` (eV ``[nframes]``), ``force`` (eV/Å ``[nframes, natoms, 3]``) and ``virial``
        (eV ``[nframes, 9]``) that replace the mean of the models. Columns without reference are NaN.
    atomic : bool
        Also return the force deviation of every atom.
    relative, relative_v : float, optional
        Levels of `force_deviation` (eV/Å) and `virial_deviation` (eV).

    Returns
    -------
    ndarray
        Table ``[nframes, 8]``, or ``[nframes, 8 + natoms]`` with `atomic`. Columns: step; maximum, minimum and root
        mean square of the nine components of the virial deviation (eV per atom); maximum, minimum and mean over the
        atoms of the force deviation (eV/Å); energy deviation (eV per atom); force deviation of each atom (eV/Å).

    Raises
    ------
    InputError
        If there are too few models, or if the models differ in their species or numbers of parameters.
    """
    check_models(models, with_data=real_data is not None)
    for name, level in (("relative", relative), ("relative_v", relative_v)):
        if level is not None and not 0 < level < np.inf:
            raise InputError(f"{name}: expected a positive number, got {level!r}")
    results = [model.eval(coord, box, _types_in(model, atype, models[0]), fparam, aparam) for model in models]
    energy, force, virial = (np.stack(part) for part in zip(*results, strict=True))
    nframes, natoms = force.shape[1:3]
    references = _references(real_data, nframes, natoms)
    of_virial = virial_deviation(virial, natoms, references["virial"], relative_v)
    of_force = force_deviation(force, references["force"], relative)
    of_energy = energy_deviation(energy[..., 0], natoms, references["energy"])
    table = np.column_stack(
        [
            np.arange(nframes) * frequency,
            of_virial.max(axis=1),
            of_virial.min(axis=1),
            np.sqrt(np.square(of_virial).mean(axis=1)),
            of_force.max(axis=1),
            of_force.min(axis=1),
            of_force.mean(axis=1),
            of_energy,
            *(of_force.T if atomic else ()),
        ]
    )
    if fname is not None:
        atomic_write(fname, format_model_devi(table))
    return table


def check_models(models: Sequence[DeepPot], with_data: bool) -> None:
    """Raise `InputError` unless the potentials can be compared with each other, or with data if `with_data`."""
    if len(models) < (1 if with_data else 2):
        raise InputError(f"models: expected at least {'one' if with_data else 'two'}, got {len(models)}")
    first = models[0]
    for model in models[1:]:
        if set(model.get_type_map()) != set(first.get_type_map()):
            raise InputError(
                f"{model.path}: expected a model of {' '.join(first.get_type_map())} as {first.path}, got one of "
                f"{' '.join(model.get_type_map())}"
            )
        for name in ("fparam", "aparam"):
            expected, got = (getattr(one, f"get_dim_{name}")() for one in (first, model))
            if got != expected:
                raise InputError(f"{model.path}: expected a model with {expected} {name} as {first.path}, got {got}")


def _types_in(model: DeepPot, atype, first: DeepPot) -> np.ndarray:
    """Convert types of the first model to types of another; invalid types are left for `DeepPot.eval` to report."""
    names, own = first.get_type_map(), model.get_type_map()
    types = np.asarray(atype)
    if (
        names == own
        or types.dtype.kind not in "iu"
        or types.size == 0
        or not 0 <= types.min() <= types.max() < len(own)
    ):
        return types
    return np.array([own.index(name) for name in names])[types]


def _references(real_data: Mapping[str, np.ndarray] | None, nframes: int, natoms: int) -> dict[str, np.ndarray | None]:
    """Return each reference in its full shape, NaN if it is not given; None for each if there are no reference data."""
    shapes = {"energy": (nframes,), "force": (nframes, natoms, 3), "virial": (nframes, 9)}
    if real_data is None:
        return dict.fromkeys(shapes)
    references = {}
    for name, shape in shapes.items():
        values = real_data.get(name)
        if values is not None and np.size(values) != np.prod(shape):
            raise InputError(f"real_data: expected {name} of shape {list(shape)}, got {list(np.shape(values))}")
        references[name] = np.full(shape, np.nan) if values is None else np.asarray(values, float).reshape(shape)
    return references


def format_model_devi(table: np.ndarray, title: str | None = None) -> str:
    """Format a result of `calc_model_devi` in the file format of DeePMD-kit, which DP-GEN reads."""
    names = (*COLUMNS, "atm_devi_f(N)") if table.shape[1] > 1 + len(COLUMNS) else COLUMNS
    lines = [] if title is None else [f"# {title}"]
    lines.append(f"# {'step':<10}" + "".join(f"{name:<19}" for name in names))
    lines += [f"{int(row[0]):12d}" + "".join(f"{value:19.6e}" for value in row[1:]) for row in table]
    return "\n".join(lines) + "\n"
