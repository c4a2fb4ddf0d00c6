"""Parameters for another type map: species keep their energies, whatever number they have."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from deepmd_tf.config import Config, config_to_dict, parse_config
from deepmd_tf.config.hybrid import members_of
from deepmd_tf.errors import InputError
from deepmd_tf.infer.change_bias import potential_of
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.model.type_embedding import TypeEmbedding, smallest_distance
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import ModelStatistics
from deepmd_tf.transfer.species import Species
from deepmd_tf.transfer.start import Start
from deepmd_tf.transfer.type_map import add_parameters, map_species, report_parameters

from ..models import (
    PAIRS,
    PLAIN,
    RADIAL,
    TYPED_PAIRS,
    VARIANTS,
    hybrid,
    model_config,
    random_parameters,
    random_statistics,
)
from ..tiers import slow_but

EDGE = 6.0
NARROW = {"neuron": [5, 2], "seed": 1}
"""A type-embedding net whose first layer is residual for no small number of species."""

LATER_RESIDUAL = {"type_embedding": {"neuron": [2, 4], "seed": 1}}
REORDERED = {
    **{
        name: VARIANTS[name]
        for name in (
            "one_side two_sides resnet_dt tebd_bias econf fparam_aparam atom_ener_of_one exclude_like three_types "
            "plain_one_side plain_three_types plain_atom_ener strip_one_side strip_two_sides radial_plain_three_types "
            "pairs_plain_three_types pairs_typed float32"
        ).split()
    },
    "components change places": {**LATER_RESIDUAL, "fitting_net": {"numb_fparam": 1, "numb_aparam": 2}},
    "components change places, two sides": {**LATER_RESIDUAL, "descriptor": {"type_one_side": False}},
    "components change places, strip": {**LATER_RESIDUAL, "descriptor": {"type": "se_a_ebd_v2", "neuron": [5, 10]}},
    "components change places, pairs": {**LATER_RESIDUAL, "descriptor": TYPED_PAIRS},
    "hybrid": {**LATER_RESIDUAL, "descriptor": hybrid({}, {"neuron": [4, 4], "sel": [10, 12]})},
    "plain hybrid": {**PLAIN, "descriptor": hybrid({"type_one_side": False}, {**PAIRS, "sel": [8, 9]})},
}
QUICK = {"one_side", "plain_three_types", "components change places", "hybrid"}


def start_of(config: Config) -> Start:
    """A trained model."""
    table = config_to_dict(config)["model"]
    sel = tuple(tuple(member.sel) for member in config.model.descriptor.members)
    values = random_parameters(config).values()
    return Start("old.pb", tuple(config.model.type_map), sel, values, {"min_nbor_dist": 0.9}, table)


def renamed(config: Config, type_map: list[str], new_sel: int = 0) -> Config:
    """The same model for other species; new ones have `new_sel` slots."""
    table = copy.deepcopy(config_to_dict(config))
    model, old = table["model"], list(config.model.type_map)
    source = [old.index(name) if name in old else None for name in type_map]
    model["type_map"] = type_map
    for member in members_of(model):
        member["sel"] = [new_sel if k is None else member["sel"][k] for k in source]
        pairs = [pair for pair in member["exclude_types"] if all(t in source for t in pair)]
        member["exclude_types"] = [[source.index(t) for t in pair] for pair in pairs]
    if energies := model["fitting_net"]["atom_ener"]:
        model["fitting_net"]["atom_ener"] = [None if k is None else energies[k] for k in source]
    return parse_config(table)


def transferred(start: Start, config: Config) -> tuple[Start, Config]:
    """What `dp train --init-model` makes of a start."""
    start = map_species(start, config)
    config = start.adopt(config)
    statistics = random_statistics(config, np.random.default_rng(5))
    return add_parameters(start, config, statistics), config


def frames(names: list[str], rng, nframes=3):
    """Coordinates, cells and names of atoms around the corners of a cube."""
    corners = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)])
    coord = corners * EDGE / 2 * 0.8 + rng.normal(0, 0.25, (nframes, 8, 3))
    return coord, np.tile(EDGE * np.eye(3).ravel(), (nframes, 1)), rng.choice(names, 8)


def evaluated(config: Config, values, atoms, rng_seed=3):
    """Energy, force and virial of frames."""
    coord, cells, names = atoms
    rng, fitting = np.random.default_rng(rng_seed), config.model.fitting_net
    extra = {}
    if fitting.numb_fparam:
        extra["fparam"] = rng.normal(size=(len(coord), fitting.numb_fparam))
    if fitting.numb_aparam:
        extra["aparam"] = rng.normal(size=(len(coord), 8 * fitting.numb_aparam))
    types = [list(config.model.type_map).index(name) for name in names]
    with potential_of(config, values) as potential:
        return potential.eval(coord, cells, types, **extra)


def assert_same(found, expected, tolerance=1e-11):
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("name", slow_but(QUICK, REORDERED))
def test_reordered_species_keep_their_energies(name, rng):
    old = model_config(REORDERED[name])
    atoms = frames(list(old.model.type_map), rng)
    new = renamed(old, list(old.model.type_map)[::-1])
    start = start_of(old)
    found, adopted = transferred(start, new)
    assert adopted == new
    assert found.fresh == ()
    expected = evaluated(old, start.values, atoms)
    assert np.ptp(expected[1]) > 1e-3
    assert_same(evaluated(new, found.values, atoms), expected, 1e-5 if name == "float32" else 1e-11)


@pytest.mark.parametrize("slots", slow_but([8], [0, 8]))
@pytest.mark.parametrize(
    "changes",
    [
        {"type_embedding": NARROW},
        {**PLAIN, "descriptor": {"type_one_side": False}},
        {"type_embedding": NARROW, "descriptor": {"type": "se_a_ebd_v2", "type_one_side": False}},
        pytest.param({**PLAIN, "descriptor": PAIRS}, marks=pytest.mark.slow),
        pytest.param({"type_embedding": NARROW, "descriptor": TYPED_PAIRS}, marks=pytest.mark.slow),
        pytest.param({"type_embedding": {"use_econf_tebd": True}}, marks=pytest.mark.slow),
    ],
    ids=["type embedding", "plain", "strip", "pairs", "typed pairs", "econf"],
)
def test_species_that_stay_keep_their_energies_beside_new_ones(changes, slots, rng):
    """With slots for the new species too, as long as empty slots add nothing; ``N_c`` changes and is made up for."""
    davg_zero = {} if changes.get("descriptor", {}).get("type", "").startswith("se_e3") else {"set_davg_zero": True}
    changes = {**changes, "descriptor": {**changes.get("descriptor", {}), **(davg_zero if slots else {})}}
    old = model_config(changes)
    start = start_of(old)
    new = renamed(old, ["C", "H", "N", "O"], slots)
    found, _ = transferred(start, new)
    atoms = frames(["O", "H"], rng)
    assert_same(evaluated(new, found.values, atoms), evaluated(old, start.values, atoms))
    assert all(np.isfinite(part).all() for part in evaluated(new, found.values, frames(["C", "N", "O", "H"], rng)))
    back, _ = transferred(dataclasses.replace(start_of(new), values=found.values), old)
    assert_same(evaluated(old, back.values, atoms), evaluated(old, start.values, atoms))


def test_distances_alone_grow_with_one_over_the_slots(rng):
    old = model_config({"descriptor": {**RADIAL, "set_davg_zero": True}, **PLAIN})
    start = start_of(old)
    for slots in (0, 7):
        found, _ = transferred(start, renamed(old, ["O", "C", "H"], slots))
        ratio = (20 + slots) / 20
        np.testing.assert_allclose(
            found.values["layer_0_type_2/matrix"], ratio * start.values["layer_0_type_1/matrix"], rtol=1e-14
        )


def test_new_species_are_told_apart():
    old = model_config({"type_embedding": NARROW})
    found, new = transferred(start_of(old), renamed(old, ["O", "H", *(f"X{k}" for k in range(4))]))
    section = new.model.type_embedding

    def distance(values):
        parameters = TrainableParameters(values)
        return smallest_distance(TypeEmbedding(section, type_map=new.model.type_map, parameters=parameters)().numpy())

    taken, matrix = distance(found.values), found.values["type_embed_net/matrix_1"]
    assert taken > 0
    np.testing.assert_array_equal(matrix[:2], start_of(old).values["type_embed_net/matrix_1"])
    again, _ = transferred(start_of(old), new)
    np.testing.assert_array_equal(again.values["type_embed_net/matrix_1"], matrix)
    rng, others = np.random.default_rng(1), []
    for _ in range(40):
        drawn = np.vstack([matrix[:2], rng.normal(0, 1 / np.sqrt(sum(matrix.shape)), (4, matrix.shape[1]))])
        others.append(distance(found.values | {"type_embed_net/matrix_1": drawn}))
    assert taken > np.median(others)


def test_statistics_of_new_species_are_those_of_the_data():
    old = model_config({"type_embedding": NARROW})
    start = start_of(old)
    new = renamed(old, ["H", "C", "O"], 4)
    found, config = transferred(start, new)
    measured = random_statistics(config, np.random.default_rng(5)).environment[0]
    std = found.values["descrpt_attr/t_std"]
    assert std.shape == (3, 32 * 4)
    np.testing.assert_array_equal(std[[0, 2], :4], start.values["descrpt_attr/t_std"][[1, 0], :4])
    np.testing.assert_array_equal(std[1, :4], [measured.std_radial[1], *[measured.std_angular[1]] * 3])
    assert found.values["fitting_attr/t_bias_atom_e"][1] == 0


def test_every_parameter_is_listed(logged):
    old = model_config({**PLAIN})
    report_parameters(transferred(start_of(old), renamed(old, ["O", "H", "C"], 4))[0])
    text = "\n".join(logged)
    assert "parameters of old.pb" in text
    assert "new: layer_0_type_2/ bias matrix" in text
    assert "reused: layer_0_type_1/ bias matrix" in text
    assert "new: filter_type_all/ bias_1_2 bias_2_2 matrix_1_2 matrix_2_2" in text
    assert "reused, new for C: descrpt_attr/ t_avg t_std" in text
    parameters = TrainableParameters()
    config = renamed(old, ["O", "H", "C"], 4)
    EnergyModel(config.model, statistics=ModelStatistics.blank(config.model), parameters=parameters)
    for name in parameters.by_name:
        assert any(name.rpartition("/")[0] in line and name.rpartition("/")[2] in line for line in logged)


REFUSED = {
    "residual of the type net, before": (
        {},
        ["O", "H", "C"],
        {},
        r"neuron: its first width, 4, equals the number of species, 2,",
    ),
    "residual of the type net, after": (
        {"type_embedding": {"neuron": [3], "seed": 1}},
        ["O", "H", "C"],
        {},
        r"its first width, 3, equals the number of species, 3, or twice",
    ),
    "residual of the embedding net": (
        {"type_embedding": {"neuron": [2], "seed": 1}, "descriptor": {"neuron": [3, 6]}},
        ["H", "O"],
        {},
        r"model\.type_map: the species of old\.pb cannot be reordered",
    ),
    "nothing in common": ({"type_embedding": NARROW}, ["C", "N"], {}, r"has no species in common with old\.pb"),
    "sel of a species that stays": (
        {"type_embedding": NARROW},
        ["H", "O"],
        {"sel": [16, 13]},
        r"model\.descriptor\.sel: \[16, 13\] differs from the sel of old\.pb, \[16, 12\]",
    ),
    "auto for a new one": ({"type_embedding": NARROW}, ["H", "O", "C"], {"sel": "auto"}, r"give a number for each"),
    "another net": (
        {"type_embedding": NARROW},
        ["H", "O"],
        {"activation_function": "relu"},
        r"model\.descriptor\.activation_function: relu differs from that of old\.pb, tanh",
    ),
    "other exclusions": (
        {"type_embedding": NARROW, "descriptor": {"exclude_types": [[0, 0]]}},
        ["H", "O"],
        {"exclude_types": [[0, 0]]},
        r"model\.descriptor\.exclude_types: \[\[0, 0\]\] differs from that of old\.pb, \[\[1, 1\]\]",
    ),
    "sums of a hybrid": (
        {"type_embedding": NARROW, "descriptor": hybrid({}, {"neuron": [4, 4]})},
        ["H", "O", "C"],
        {},
        r"a hybrid descriptor of old\.pb keeps its function only while the sum of each sel is unchanged",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what):
    changes, type_map, other, message = REFUSED[what]
    old = model_config(changes)
    table = config_to_dict(renamed(old, type_map, 5))
    table["model"]["descriptor"] |= other
    with pytest.raises(InputError, match=message):
        transferred(start_of(old), parse_config(table))


def test_names():
    """Of neighbor types, center types and unordered pairs; everything else keeps its name."""
    species = Species.between(["O", "H", "C"], ["C", "X", "O"])
    assert species.source == (2, None, 0)
    names = {
        "layer_1_type_0/matrix": "layer_1_type_2/matrix",
        "final_layer_type_1/bias": None,
        "filter_type_all/matrix_2_2": "filter_type_all/matrix_2_0",
        "filter_type_2/idt_1_0": "filter_type_0/idt_1_2",
        "filter_type_1/idt_1_0": None,
        "filter_type_all/bias_1_0_2": "filter_type_all/bias_1_0_2",
        "filter_type_all/bias_1_0_1": None,
        "filter_type_all_1/matrix_1_0": "filter_type_all_1/matrix_1_2",
        "filter_type_all/matrix_1": "filter_type_all/matrix_1",
        "filter_type_all/matrix_1_two_side_ebd": "filter_type_all/matrix_1_two_side_ebd",
        "layer_0/matrix": "layer_0/matrix",
        "type_embed_net/matrix_1": "type_embed_net/matrix_1",
    }
    assert {name: species.name_of(name) for name in names} == names


def test_the_same_type_map_changes_nothing():
    config = model_config({"descriptor": {"exclude_types": [[0, 1]]}})
    start = start_of(config)
    assert map_species(start, config) is start
    assert add_parameters(start, config, ModelStatistics.blank(config.model)) is start
