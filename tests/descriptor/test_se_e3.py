"""`se_e3` and `se_e3_tebd` in parts: names and shapes of parameters, few atoms, how well a table follows the nets."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf import ops

from .. import reference
from ..models import (
    PAIRS,
    PLAIN,
    TYPED_PAIRS,
    model_config,
    potential,
    random_model,
    random_parameters,
    variant_config,
    variant_values,
)


def shapes(changes):
    by_name = random_parameters(model_config(changes)).by_name
    return {name: tuple(v.shape) for name, v in by_name.items() if name.startswith(("filter", "descrpt"))}


STATISTICS = {"descrpt_attr/t_avg": (2, 4 * 28), "descrpt_attr/t_std": (2, 4 * 28)}


@pytest.mark.parametrize("with_type_embedding", [True, False])
def test_parameters_of_a_net_for_each_pair(with_type_embedding):
    changes = {"descriptor": {**PAIRS, "neuron": [4, 8], "resnet_dt": True}}
    assert shapes(changes if with_type_embedding else PLAIN | changes) == STATISTICS | {
        f"filter_type_all/{part}_{pair}": shape
        for pair in ("0_0", "0_1", "1_1")
        for part, shape in {
            "matrix_1": (1, 4),
            "bias_1": (4,),
            "matrix_2": (4, 8),
            "bias_2": (8,),
            "idt_2": (8,),
        }.items()
    }


def test_parameters_of_one_net():
    assert shapes({"descriptor": {**TYPED_PAIRS, "neuron": [6, 8]}}) == STATISTICS | {
        "filter_type_all/matrix_1": (1 + 2 * 2, 6),
        "filter_type_all/bias_1": (6,),
        "filter_type_all/matrix_2": (6, 8),
        "filter_type_all/bias_2": (8,),
    }


@pytest.mark.parametrize("name", ["pairs_plain", "pairs_typed"])
def test_an_atom_alone_has_no_descriptor(name):
    assert variant_values(name)["descrpt_attr/t_avg"].any()
    assert not potential(name).eval_descriptor(np.zeros((1, 3)), None, [1]).any()


def test_one_neighbor_is_a_pair_with_itself():
    config, values = variant_config("pairs_plain").model.descriptor, variant_values("pairs_plain")
    distance = 1.7
    got = potential("pairs_plain").eval_descriptor([[0, 0, 0], [0, distance, 0]], None, [0, 1])[0]
    for center, other in ((0, 1), (1, 0)):
        std = values["descrpt_attr/t_std"][center, 1]
        theta = (reference.smooth(distance, config.rcut, config.rcut_smth) / std) ** 2
        embedded = reference.embedding_net(
            np.array([theta]), values, "filter_type_all", config, suffix=f"_{other}_{other}"
        )
        np.testing.assert_allclose(got[center], theta * embedded / config.sel[other] ** 2, rtol=1e-12)


def test_slots_normalize():
    """What a pair adds is divided by the slots for both."""
    few, many = (model_config(PLAIN | {"descriptor": {**PAIRS, "sel": sel}}) for sel in ([2, 16], [4, 16]))
    models = [random_model(config, 3)[0] for config in (few, many)]
    theta, code = np.linspace(-3, 3, 7)[:, None], np.array([0])
    of_few, of_many = (np.asarray(model.descriptor.embedding(theta, code)) for model in models)
    np.testing.assert_allclose(of_few, 4 * of_many, rtol=1e-12)


def test_large_values_far_out_hide_no_error_near_zero():
    """With a residual over the first layer G grows with theta; the table is judged by what it is near zero too."""
    model, parameters = random_model(model_config(PLAIN | {"descriptor": {**PAIRS, "neuron": [2, 4]}}), 3)
    embedding = model.descriptor.embedding
    for name, variable in parameters.by_name.items():
        if name.startswith("filter_type_all/matrix_1"):
            variable.assign(10 * variable)
    panels = ops.Panels(0.0, 2.0, 1)
    near, all_panels = (embedding.tabulated(ops.every_pair_cell(0, octaves, panels), None) for octaves in (1, 30))
    assert np.abs(all_panels[0]).max() > 1e6 * np.abs(near[0]).max()
    assert all_panels[1] >= near[1] > 1e-4
