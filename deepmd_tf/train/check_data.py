"""Checks of the data without training: problems are collected, unusual data are logged, the rest is summarized."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepmd_tf.config import Config, DataConfig, ValidationDataConfig
from deepmd_tf.data import Sampler, System, check_labels, load_systems
from deepmd_tf.data.memory import Memory
from deepmd_tf.errors import collecting_problems, noting_problems, refuse
from deepmd_tf.statistics.inspection import FrameView, view_frames
from deepmd_tf.train import notices
from deepmd_tf.train.data import require_labels
from deepmd_tf.train.report import frame_progress
from deepmd_tf.train.sel import warn_of_small_sel

log = logging.getLogger("deepmd_tf")

MAX_SHOWN = 5
CLOSE = 0.5
"""Atoms closer than this fraction of the sum of their covalent radii cause a warning."""

_UNKNOWN_RADIUS = 0.3  # Å, for names that are not elements


Views = list[tuple[System, int, FrameView]]


@dataclass
class Findings:
    """Results of the checks.

    Attributes
    ----------
    problems : list of str
        Errors to fix before training.
    tables : dict
        Rows of the summary of each data set, as pairs of str.
    """

    problems: list[str] = field(default_factory=list)
    tables: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


def check_data(config: Config) -> Findings:
    """Check the training and validation data of a run.

    Parameters
    ----------
    config : Config
        Configuration of the run.
    """
    findings = Findings()
    if config.training.seed is None:  # the order of frames does not matter here
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, seed=0))
    seen: dict[str, np.ndarray] = {}
    memory = Memory()
    with collecting_problems() as problems:
        for purpose in ("training", "validation"):
            section = getattr(config.training, f"{purpose}_data")
            if section is not None:
                counts = _check_set(purpose, section, config, memory, findings)
                if counts is not None:
                    seen[purpose] = counts
    findings.problems = list(dict.fromkeys(problems))
    notices.warn_of_species(seen, config.model.type_map)
    return findings


def _check_set(
    purpose: str, section: DataConfig | ValidationDataConfig, config: Config, memory: Memory, findings: Findings
) -> np.ndarray | None:
    """Check one data set; return its number of atoms of each type, or None if no system can be read."""
    systems: list[System] = []
    with noting_problems():
        systems = load_systems(section.systems, config.model.type_map, section.xyz_keys, memory)
    if not systems:
        return None
    fitting = config.model.fitting_net
    for system in systems:
        with noting_problems():
            check_labels([system], numb_fparam=fitting.numb_fparam, numb_aparam=fitting.numb_aparam)
    with noting_problems():
        require_labels(purpose, systems, config)
    with noting_problems():
        Sampler.from_config(systems, section, config.training.seed, purpose)
    notices.warn_of_rounding(purpose, systems)
    rows = findings.tables[purpose] = []
    counts = notices.type_counts(systems)
    rows.extend(_sizes(systems, counts, config.model.type_map))
    _check_geometry(purpose, systems, config, findings)
    spread = notices.warn_of_energies(purpose, systems)
    if spread is not None:
        rows.append(("spread of energies", f"{spread:.3g} eV per atom, without the part that depends on composition"))
    return counts


def _sizes(systems: Sequence[System], counts: np.ndarray, type_map: Sequence[str]) -> list[tuple[str, str]]:
    nframes = sum(system.nframes for system in systems)
    fewest, most = zip(*(system.size_range for system in systems), strict=True)
    labels = sorted({label for system in systems for label in system.labels})
    labeled = [f"{name} {sum(s.nframes for s in systems if name in s.labels)}" for name in labels]
    return [
        ("systems", str(len(systems))),
        ("frames", str(nframes)),
        ("atoms per frame", _between(min(fewest), max(most))),
        ("atoms of each type", ", ".join(f"{name} {n}" for name, n in zip(type_map, counts, strict=True))),
        ("frames with labels", ", ".join(labeled) or "none"),
        ("frames with a cell", str(sum(system.nframes for system in systems if system.periodic))),
    ]


def _between(low: float, high: float, unit: str = "") -> str:
    text = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    return f"{text} {unit}".strip()


def _radii(type_map: Sequence[str]) -> np.ndarray:
    """Covalent radius of each type (Å)."""
    from ase.data import atomic_numbers, covalent_radii

    return np.array([covalent_radii[atomic_numbers[n]] if n in atomic_numbers else _UNKNOWN_RADIUS for n in type_map])


def _check_geometry(purpose: str, systems: Sequence[System], config: Config, findings: Findings) -> None:
    """Check the distances of atoms, cells, neighbors and forces of every frame."""
    model = config.model
    radii = _radii(model.type_map)
    members = model.descriptor.members
    rcuts = [member.rcut for member in members]
    bad: list[str] = []
    views: Views = []
    with frame_progress(sum(system.nframes for system in systems)) as advance:
        for system, index, view in view_frames(systems, rcuts, radii[:, None] + radii, advance):
            if view.problem:
                bad.append(view.problem)
            else:
                views.append((system, index, view))
    for message in bad[:MAX_SHOWN]:
        refuse(message)
    if len(bad) > MAX_SHOWN:
        refuse(f"training.{purpose}_data: {len(bad) - MAX_SHOWN} more frames with atoms or cells that cannot be used")
    if not views:
        return
    rows = findings.tables[purpose]
    rows.append(("closest atoms", _closest(purpose, views, model.type_map)))
    cells = [view for *_, view in views if np.isfinite(view.volume)]
    if cells:
        volumes = [abs(view.volume) for view in cells]
        rows.append(("volume of the cell", _between(min(volumes), max(volumes), "Å^3")))
    _notice_cells(purpose, views, max(rcuts))
    most = np.max([view.max_neighbors for *_, view in views], axis=0)
    for rcut, counts in dict(zip(rcuts, most, strict=True)).items():
        named = ", ".join(f"{name} {n}" for name, n in zip(model.type_map, counts, strict=True))
        rows.append(("most neighbors", f"{named} within {rcut:g} Å"))
    if not any(isinstance(member.sel, str) for member in members):
        warn_of_small_sel(config, most)
    forces = [(view.force, system.path, index) for system, index, view in views if np.isfinite(view.force)]
    if forces:
        largest, path, index = max(forces)
        rows.append(("largest force", f"{largest:.4g} eV/Å ({path}, frame {index})"))


def _closest(purpose: str, views: Views, type_map: Sequence[str]) -> str:
    """Return a description of the two closest atoms; warn about atoms that overlap."""
    system, index, view = min(views, key=lambda each: each[2].closeness)
    if not np.isfinite(view.closeness):
        return "no atom has a neighbor"
    types = system.frames([index]).type[0]
    first, second = (f"{type_map[types[atom]]} {atom}" for atom in view.pair)
    text = f"{view.distance:.3f} Å, {first} and {second} ({system.path}, frame {index})"
    close = sum(each.closeness < CLOSE for *_, each in views)
    if close:
        log.warning(
            "training.%s_data: atoms overlap in %d of %d frames: they are closer than half the sum of their covalent "
            "radii; the closest: %s",
            purpose,
            close,
            len(views),
            text,
        )
    return text


def _notice_cells(purpose: str, views: Views, rcut: float) -> None:
    """Log cells that are left-handed or thinner than the cutoff."""
    cells = [(system, index, view) for system, index, view in views if np.isfinite(view.volume)]
    left = [(system.path, index) for system, index, view in cells if view.volume < 0]
    if left:
        log.warning(
            "training.%s_data: %d of %d cells have left-handed vectors (the first: %s, frame %d); they are used "
            "unchanged, which is correct if coordinates and virials refer to them",
            purpose,
            len(left),
            len(cells),
            *left[0],
        )
    thin = [each for each in cells if each[2].thickness < rcut]
    if thin:
        system, index, view = min(thin, key=lambda each: each[2].thickness)
        log.info(
            "training.%s_data: %d of %d cells are thinner than the cutoff %g Å (the thinnest %.3g Å: %s, frame %d); "
            "every image within the cutoff counts as a neighbor",
            purpose,
            len(thin),
            len(cells),
            rcut,
            view.thickness,
            system.path,
            index,
        )
