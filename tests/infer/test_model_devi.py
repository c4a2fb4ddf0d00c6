"""Model deviation, compared with loops over its definition, and errors for models and data that do not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.files import atomic_write
from deepmd_tf.infer import DeepPot, calc_model_devi
from deepmd_tf.infer.model_devi import COLUMNS, format_model_devi

from ..frames import make_frame
from ..models import model_config, native_potential, portable_graph, potential, random_parameters

NAMES = ("one_side", "two_sides", "resnet_dt")
NFRAMES = 3


@pytest.fixture(scope="module")
def models() -> list[DeepPot]:
    return [potential(name) for name in NAMES]


def frames(shape="triclinic"):
    """Return coordinates, cells and types of a few frames."""
    frame = make_frame(shape)
    coord = frame.coord + np.random.default_rng(1).normal(0, 0.1, (NFRAMES, frame.natoms, 3))
    return coord, None if frame.cell is None else np.tile(frame.cell, (NFRAMES, 1, 1)), frame.types


def labels(natoms: int):
    rng = np.random.default_rng(2)
    shapes = {"energy": (NFRAMES,), "force": (NFRAMES, natoms, 3), "virial": (NFRAMES, 9)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def by_definition(models, coord, cells, types, real=None, relative=None, relative_v=None):
    """Compute the rows of the table in plain Python, atom by atom and component by component."""
    rows, natoms = [], len(types)
    for k in range(NFRAMES):
        cell = None if cells is None else cells[k]
        energies, forces, virials = zip(*(model.eval(coord[k], cell, types) for model in models), strict=True)

        def spread(values, given):
            """Return the root mean square distance of vectors from their mean, or from `given`, and its length."""
            center = [sum(v[a] for v in values) / len(values) for a in range(len(values[0]))]
            center = center if given is None else list(given)
            distances = [sum((v[a] - center[a]) ** 2 for a in range(len(v))) for v in values]
            return math.sqrt(sum(distances) / len(values)), math.sqrt(sum(c * c for c in center))

        of_atoms = []
        for i in range(natoms):
            devi, length = spread([f[0, i] for f in forces], real and real["force"][k, i])
            of_atoms.append(devi if relative is None else devi / (length + relative))
        virial = [spread([v[0, a : a + 1] for v in virials], real and real["virial"][k, a : a + 1]) for a in range(9)]
        length = math.sqrt(sum(size**2 for _, size in virial)) / natoms
        of_virial = [devi / natoms for devi, _ in virial]
        if relative_v is not None:
            of_virial = [devi / (length + relative_v) for devi in of_virial]
        of_energy, _ = spread([e[0] for e in energies], real and real["energy"][k : k + 1])
        rows.append(
            [
                *(max(of_virial), min(of_virial), math.sqrt(sum(v * v for v in of_virial) / 9)),
                *(max(of_atoms), min(of_atoms), sum(of_atoms) / natoms),
                of_energy / natoms,
                *of_atoms,
            ]
        )
    return np.array(rows)


@pytest.mark.parametrize("shape", ["triclinic", "open"])
@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("levels", [{}, {"relative": 0.3}, {"relative_v": 0.2}, {"relative": 1e-3, "relative_v": 1.5}])
def test_definition(models, shape, real, levels):
    coord, cells, types = frames(shape)
    data = labels(len(types)) if real else None
    table = calc_model_devi(coord, cells, types, models, frequency=7, real_data=data, atomic=True, **levels)
    np.testing.assert_array_equal(table[:, 0], [0, 7, 14])
    np.testing.assert_allclose(table[:, 1:], by_definition(models, coord, cells, types, data, **levels), rtol=1e-11)
    short = calc_model_devi(coord, cells, types, models, real_data=data, **levels)
    np.testing.assert_array_equal(short[:, 1:], table[:, 1:8])


def test_a_model_agrees_with_itself(models):
    table = calc_model_devi(*frames(), [models[0]] * 3)
    np.testing.assert_allclose(table[:, 1:], 0, atol=1e-14)


def test_two_models_differ_by_half_their_difference(models):
    coord, cells, types = frames()
    forces = [model.eval(coord, cells, types)[1] for model in models[:2]]
    half = np.linalg.norm(forces[0] - forces[1], axis=-1) / 2
    table = calc_model_devi(coord, cells, types, models[:2], atomic=True)
    np.testing.assert_allclose(table[:, 8:], half, rtol=1e-12)


def test_one_model_and_data(models):
    coord, cells, types = frames()
    energy, force, virial = models[0].eval(coord, cells, types)
    data = {"energy": energy, "force": force.reshape(NFRAMES, -1), "virial": virial}
    np.testing.assert_allclose(calc_model_devi(coord, cells, types, models[:1], real_data=data)[:, 1:], 0, atol=1e-14)


def test_labels_that_are_absent_leave_nan(models):
    coord, cells, types = frames()
    data = labels(len(types))
    full = calc_model_devi(coord, cells, types, models, real_data=data)
    data["virial"] = None
    table = calc_model_devi(coord, cells, types, models, real_data=data)
    assert np.isnan(table[:, 1:4]).all()
    np.testing.assert_array_equal(table[:, 4:], full[:, 4:])


def test_both_forms_of_a_graph_agree(models):
    native = [native_potential(name) for name in NAMES]
    table = calc_model_devi(*frames(), native, atomic=True)
    np.testing.assert_allclose(table, calc_model_devi(*frames(), models, atomic=True), rtol=0, atol=1e-10)


def test_each_model_finds_its_own_types(models, tmp_path):
    """Two copies of a model with the species in different orders have zero deviation."""
    # A width for which the type embedding has no residual connection.
    width = {"type_embedding": {"neuron": [3]}}
    config = model_config(width)
    swapped = model_config({**width, "type_map": ["H", "O"], "descriptor": {"sel": [16, 12]}})
    values = random_parameters(config).values()
    graphs = []
    for name, of, given in (("given", config, values), ("swapped", swapped, swap_types(values))):
        atomic_write(tmp_path / name, portable_graph(of, given, 0.9).SerializeToString())
        graphs.append(DeepPot(tmp_path / name))
    assert graphs[1].get_type_map() == ["H", "O"]
    coord, cells, types = frames()
    np.testing.assert_allclose(calc_model_devi(coord, cells, types, graphs)[:, 1:], 0, atol=1e-12)
    np.testing.assert_allclose(calc_model_devi(coord, cells, 1 - types, graphs[::-1])[:, 1:], 0, atol=1e-12)
    with pytest.raises(InputError, match="atom 1 has type 2"):
        calc_model_devi(coord, cells, [0, 2, 0, 0, 0, 0], graphs)


def swap_types(values):
    """Exchange the parameters of the two species, including the one-hot rows of the embedding's first matrix."""
    result = {name: value.copy() for name, value in values.items()}
    for name in ("type_embed_net/matrix_1", "descrpt_attr/t_avg", "descrpt_attr/t_std", "fitting_attr/t_bias_atom_e"):
        result[name] = values[name][::-1].copy()
    return result


def test_refusals(models):
    coord, cells, types = frames()
    for given, words in (
        ({"models": models[:1]}, "at least two, got 1"),
        ({"models": [], "real_data": labels(6)}, "at least one, got 0"),
        ({"models": [models[0], potential("three_types")]}, "expected a model of O H .* got one of O C H"),
        ({"models": [models[0], potential("fparam")]}, "expected a model with 0 fparam .* got 2"),
        ({"relative": -1.0}, "relative: expected a positive number, got -1.0"),
        ({"relative_v": math.nan}, "relative_v: expected"),
        ({"real_data": {"force": np.zeros(5)}}, r"real_data: expected force of shape \[3, 6, 3\], got \[5\]"),
        ({"coord": coord[:, :5]}, "coords: expected"),
    ):
        arguments = {"coord": coord, "box": cells, "atype": types, "models": models, **given}
        with pytest.raises(InputError, match=words):
            calc_model_devi(**arguments)


@pytest.mark.parametrize("atomic", [False, True])
def test_file(models, tmp_path, atomic):
    table = calc_model_devi(*frames(), models, tmp_path / "devi.out", 10, atomic=atomic)
    text = (tmp_path / "devi.out").read_text()
    assert text == format_model_devi(table)
    assert text.splitlines()[0].split()[1:] == ["step", *COLUMNS, *(["atm_devi_f(N)"] if atomic else [])]
    np.testing.assert_allclose(np.loadtxt(tmp_path / "devi.out"), table, rtol=1e-6)
    assert format_model_devi(table, "a system").splitlines()[0] == "# a system"
