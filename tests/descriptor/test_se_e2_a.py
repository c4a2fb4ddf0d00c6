"""`se_e2_a` in parts: names and shapes of parameters, empty slots, what it does not see."""

from __future__ import annotations

import types

import numpy as np
import pytest

from deepmd_tf.descriptor import make_descriptor
from deepmd_tf.errors import InputError
from deepmd_tf.statistics import EnvironmentStatistics

from .. import reference
from ..frames import make_frame
from ..models import model_config, potential, random_parameters, variant_config, variant_values


def shapes(changes):
    by_name = random_parameters(model_config({"descriptor": changes})).by_name
    return {name: tuple(v.shape) for name, v in by_name.items() if name.startswith(("filter", "descrpt"))}


@pytest.mark.parametrize("one_side, n_in", [(True, 3), (False, 5)])
def test_parameters(one_side, n_in):
    assert shapes({"type_one_side": one_side, "neuron": [4, 8, 8], "resnet_dt": True}) == {
        "filter_type_all/matrix_1": (n_in, 4),
        "filter_type_all/bias_1": (4,),
        "filter_type_all/matrix_2": (4, 8),
        "filter_type_all/bias_2": (8,),
        "filter_type_all/idt_2": (8,),
        "filter_type_all/matrix_3": (8, 8),
        "filter_type_all/bias_3": (8,),
        "filter_type_all/idt_3": (8,),
        "descrpt_attr/t_avg": (2, 4 * 28),
        "descrpt_attr/t_std": (2, 4 * 28),
    }


def test_factor_over_the_first_layer_only_where_it_is_residual():
    assert "filter_type_all/idt_1" in shapes({"neuron": [3, 5], "resnet_dt": True})
    assert "filter_type_all/idt_1" in shapes({"neuron": [6, 5], "resnet_dt": True})
    assert "filter_type_all/idt_1" not in shapes({"neuron": [4, 5], "resnet_dt": True})


@pytest.mark.parametrize("trainable", [True, False])
def test_statistics_are_never_trained(trainable):
    parameters = random_parameters(model_config({"descriptor": {"trainable": trainable}}))
    for name, variable in parameters.by_name.items():
        if name.startswith("filter_type_all/"):
            assert variable.trainable == trainable
        if name.startswith(("descrpt_attr/", "fitting_attr/")):
            assert not variable.trainable and variable.dtype == np.float64


def test_an_atom_alone_has_the_descriptor_of_empty_slots():
    """All slots of one type hold the same row, so that the descriptor is that row's, known without a graph."""
    model, values = variant_config("one_side").model, variant_values("one_side")
    config, table = model.descriptor, reference.type_embedding(model, values)
    for kind in range(2):
        s = -values["descrpt_attr/t_avg"][kind, 0] / values["descrpt_attr/t_std"][kind, 0]
        radial = sum(
            count * s * reference.embedding_net(np.array([s, *table[j]]), values, "filter_type_all", config)
            for j, count in enumerate(config.sel)
        ) / sum(config.sel)
        result = potential("one_side").eval_descriptor(np.zeros((1, 3)), None, [kind])[0, 0]
        np.testing.assert_allclose(result, np.outer(radial, radial[: config.axis_neuron]).ravel(), rtol=0, atol=1e-13)
        assert np.abs(result).max() > 1e-3


def test_is_the_same_for_rotated_surroundings():
    frame = make_frame("open")
    quarter = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    for axes in (quarter, -np.eye(3)):
        np.testing.assert_allclose(
            potential("two_sides").eval_descriptor(frame.coord @ axes, None, frame.types),
            potential("two_sides").eval_descriptor(frame.coord, None, frame.types),
            rtol=0,
            atol=1e-13,
        )


def test_one_side_does_not_see_the_type_of_the_center():
    """But for the normalization, which the same numbers for both types take away."""
    coord = make_frame("open").coord
    for one_side in (True, False):
        config = model_config({"descriptor": {"type_one_side": one_side}})
        values = random_parameters(config).values()
        for name in ("descrpt_attr/t_avg", "descrpt_attr/t_std"):
            values[name] = np.tile(values[name][:1], (2, 1))
        first, second = (
            reference.descriptors(config.model, values, coord, None, np.array([kind, 1, 0, 1, 0, 1]))[0]
            for kind in (0, 1)
        )
        assert np.allclose(first, second, rtol=0, atol=1e-14) == one_side


def test_excluded_types_do_not_move_each_other():
    frame = make_frame("open")
    far = frame.coord.copy()
    far[frame.types == 1] += 0.1
    dp = potential("exclude_unlike")
    before, after = (dp.eval_descriptor(coord, None, frame.types)[0] for coord in (frame.coord, far))
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-13)


def test_unknown_type_is_refused():
    config = types.SimpleNamespace(type="se_e9")
    with pytest.raises(InputError, match=r"model\.descriptor\.type: unknown value 'se_e9', expected one of .*se_e2_a"):
        make_descriptor(config, type_width=2, statistics=(EnvironmentStatistics.blank(2),), parameters=None)
