"""Table of the ways to evaluate a model; a new one is tested when it is listed in `INTERFACES`.

An interface is a function that takes systems by name and returns results by name. It gets fixtures from pytest's
request, such as ``request.getfixturevalue("tmp_path_factory")``, ``"lammps"`` or ``"peer"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from ase import Atoms

from deepmd_tf import _api
from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.infer import DeepPot
from deepmd_tf.infer.ase import DP
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.nn.parameters import FrozenParameters
from deepmd_tf.statistics import ModelStatistics

from ..frames import Frame
from ..ghosts import domain_of
from ..lammps.lammps import BAR, data_file
from ..models import graph_file, native_file, resolved, variant_config, variant_values
from ..runs import dp
from ..systems import save_system
from .systems import TYPE_MAP, System

MODEL = "two_sides"
REACH = variant_config(MODEL).model.descriptor.rcut + 0.5


class Result(NamedTuple):
    """Energy (eV), forces (eV/Å) ``[natoms, 3]``, virial (eV) ``[3, 3]``."""

    energy: float
    force: np.ndarray
    virial: np.ndarray


Systems = Mapping[str, System]
Evaluate = Callable[[Systems, pytest.FixtureRequest], dict[str, Result]]


@dataclass(frozen=True)
class Interface:
    """Way to evaluate a model.

    Attributes
    ----------
    evaluate : callable
        Function of the systems and pytest's request that returns the results.
    bound : float
        Largest deviation from the reference, relative to the largest component or to 1 eV or eV/Å if that is larger.
    takes : callable
        Function that returns True if the interface supports a system.
    marks : tuple
        Marks of the tests of the interface.
    """

    evaluate: Evaluate
    bound: float = 1e-11
    takes: Callable[[System], bool] = lambda system: True
    marks: tuple[pytest.MarkDecorator, ...] = ()


def not_mixed(system: System) -> bool:
    """Return True if a system is fully periodic or fully open."""
    return not system.mixed


def result_from_arrays(energy, force, virial) -> Result:
    """Return the result for arrays of one frame."""
    return Result(float(np.ravel(energy)[0]), np.reshape(force, (-1, 3)), np.reshape(virial, (3, 3)))


def training(systems: Systems, request) -> dict[str, Result]:
    """Evaluate the training graph on all systems in one batch."""
    config = variant_config(MODEL)
    model = EnergyModel(
        config.model,
        statistics=ModelStatistics.blank(config.model),
        parameters=FrozenParameters(variant_values(MODEL)),
    )
    frames = [system.frame for system in systems.values()]
    ends = np.cumsum([0, *(frame.natoms for frame in frames)])
    cells = [np.zeros((3, 3)) if frame.cell is None else frame.cell for frame in frames]
    batch = Frames(
        tf.constant(np.concatenate([frame.coord for frame in frames])),
        tf.constant(np.concatenate([frame.types for frame in frames]), tf.int32),
        tf.constant(ends, tf.int32),
        tf.constant(np.reshape(cells, (-1, 9))),
        tf.constant([all(system.pbc) for system in systems.values()]),
    )
    _, prediction = resolved(model.descriptor, lambda tabulation: model(batch, tabulation))
    forces = np.split(prediction.force.numpy(), ends[1:-1])
    parts = zip(prediction.energy.numpy(), forces, prediction.virial.numpy(), strict=True)
    return {name: result_from_arrays(*part) for name, part in zip(systems, parts, strict=True)}


def deep_pot(graph: Callable[[str], Path]) -> Evaluate:
    """Return the interface of `DeepPot` in Python."""

    def evaluate(systems: Systems, request) -> dict[str, Result]:
        potential = DeepPot(graph(MODEL))
        return {
            name: result_from_arrays(*potential.eval(frame.coord, frame.cell, frame.types, pbc=pbc))
            for name, (frame, pbc) in systems.items()
        }

    return evaluate


def compressed(systems: Systems, request) -> dict[str, Result]:
    """Evaluate the native graph after `dp compress`."""
    graph = request.getfixturevalue("tmp_path_factory").mktemp("compressed") / "small.pb"
    result = dp("compress", "-i", native_file(MODEL), "-o", graph)
    assert result.status == 0, result.err
    return deep_pot(lambda model: graph)(systems, request)


def dp_test(systems: Systems, request) -> dict[str, Result]:
    """Read the detail files of `dp test`."""
    place, results = request.getfixturevalue("tmp_path_factory").mktemp("dp_test"), {}
    for name, (frame, _) in systems.items():
        labels = {"energy": np.zeros(1), "force": np.zeros(frame.natoms * 3), "virial": np.zeros(9)}
        cells = None if frame.cell is None else frame.cell[None]
        directory = place / name.replace(" ", "_")
        rows = {label: values[None] for label, values in labels.items()}
        save_system(directory, frame.types, frame.coord[None], cells, type_map=TYPE_MAP, **rows)
        done = dp("test", "-m", native_file(MODEL), "-s", directory, "-d", directory / "detail")
        assert done.status == 0, done.err
        tables = [np.loadtxt(directory / f"detail.{kind}.out", ndmin=2) for kind in "efv"]
        results[name] = result_from_arrays(*(table[:, table.shape[1] // 2 :] for table in tables))
    return results


def ase(graph: Callable[[str], Path]) -> Evaluate:
    """Return the interface of one ASE calculator for all systems.

    Stresses need a volume, so open systems have a cell that is not periodic.
    """

    def evaluate(systems: Systems, request) -> dict[str, Result]:
        calculator, results = DP(graph(MODEL)), {}
        for name, (frame, pbc) in systems.items():
            cell = 10 * np.eye(3) if frame.cell is None else frame.cell
            atoms = Atoms(np.array(TYPE_MAP)[frame.types], frame.coord, cell=cell, pbc=pbc)
            atoms.calc = calculator
            virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
            results[name] = result_from_arrays(atoms.get_potential_energy(), atoms.get_forces(), virial)
        return results

    return evaluate


def cpp(graph: Callable[[str], Path]) -> Evaluate:
    """Return the C++ interface for whole frames; it evaluates native graphs without TensorFlow."""

    def evaluate(systems: Systems, request) -> dict[str, Result]:
        potential = _api.DeepPot(str(graph(MODEL)))
        return {
            name: result_from_dict(potential.evaluate(s.frame.coord, s.frame.types, s.frame.cell))
            for name, s in systems.items()
        }

    return evaluate


def result_from_dict(got: dict[str, np.ndarray]) -> Result:
    """Return the result for the output of the C++ interface."""
    return result_from_arrays(got["energy"], got["force"], got["virial"])


def cpp_domain(systems: Systems, request) -> dict[str, Result]:
    """Evaluate the C++ interface on atoms, ghosts and a neighbor list, as a parallel MD engine does."""
    potential, rng = _api.DeepPot(str(native_file(MODEL))), np.random.default_rng(3)
    results = {}
    for name, system in systems.items():
        domain = domain_of(wrap(system.frame), REACH, rng)
        got = potential.evaluate_domain(domain.coord, domain.types, domain.splits, domain.neighbor)
        results[name] = result_from_dict(got | {"force": domain.home(got["force"][0])})
    return results


def wrap(frame: Frame) -> Frame:
    """Wrap the atoms into the cell."""
    if frame.cell is None:
        return frame
    return frame.replace(coord=(frame.coord @ np.linalg.inv(frame.cell) % 1.0) @ frame.cell)


_LAMMPS = """clear
units metal
boundary {boundary}
atom_style atomic
atom_modify map array
box tilt large
read_data {name}.data
pair_style deepmd {graph}
pair_coeff * * O H
compute virial all pressure NULL virial
variable volume equal vol
thermo_style custom step pe c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6] vol
thermo_modify format float %.16g
dump atoms all custom 1 {name}.dump id fx fy fz
dump_modify atoms sort id format float %.16g
run 0
"""


def lammps(ranks: int, graph=native_file) -> Evaluate:
    """Return the interface of LAMMPS with our pair style, all systems in one run."""

    def evaluate(systems: Systems, request) -> dict[str, Result]:
        parts, files = [], {}
        for name, (frame, pbc) in systems.items():
            file = name.replace(" ", "_")
            boundary = " ".join("p" if axis else "f" for axis in pbc)
            parts.append(_LAMMPS.format(name=file, graph=graph(MODEL), boundary=boundary))
            files[f"{file}.data"] = data_file(frame, TYPE_MAP, margin=4.0)
        run = request.getfixturevalue("lammps").check("".join(parts), files=files, ranks=ranks)
        results = {}
        for name, thermo in zip(systems, run.thermo(), strict=True):
            xx, yy, zz, xy, xz, yz = (thermo[f"c_virial[{k}]"][0] * thermo["Volume"][0] / BAR for k in range(1, 7))
            virial = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
            results[name] = result_from_arrays(thermo["PotEng"], run.dump(f"{name.replace(' ', '_')}.dump"), virial)
        return results

    return evaluate


def peer(systems: Systems, request) -> dict[str, Result]:
    """Evaluate the portable graph with DeePMD-kit's `DeepPot`."""
    evaluate = request.getfixturevalue("peer").evaluate
    results = {}
    for name, (frame, _) in systems.items():
        cells = None if frame.cell is None else frame.cell.reshape(1, 9)
        got = evaluate(graph_file(MODEL), frame.coord.reshape(1, -1), cells, frame.types)
        results[name] = result_from_arrays(got["energy"], got["force"], got["virial"])
    return results


def has_lammps_box(system: System) -> bool:
    """Return True if LAMMPS can represent the cell, which must be triangular; an open system has no cell."""
    return system.triangular


INTERFACES = {
    "training": Interface(training, takes=not_mixed),
    "portable": Interface(deep_pot(graph_file)),
    "native": Interface(deep_pot(native_file)),
    "compressed": Interface(compressed, bound=1e-9),
    "dp test": Interface(dp_test, takes=not_mixed),
    "ASE": Interface(ase(native_file)),
    "ASE, portable": Interface(ase(graph_file)),
    "C++": Interface(cpp(native_file), takes=not_mixed),
    "C++, portable": Interface(cpp(graph_file), takes=not_mixed),
    "C++, ghosts": Interface(cpp_domain, takes=not_mixed),
    "LAMMPS": Interface(lammps(1), takes=has_lammps_box),
    "LAMMPS, portable": Interface(lammps(1, graph_file), takes=has_lammps_box),
    "LAMMPS, 2 ranks": Interface(lammps(2), takes=has_lammps_box),
    "LAMMPS, 4 ranks": Interface(lammps(4), takes=has_lammps_box, marks=(pytest.mark.slow,)),
    "DeePMD-kit": Interface(peer, takes=not_mixed, marks=(pytest.mark.interop,)),
}
