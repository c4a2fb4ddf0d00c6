"""`se_e2_r` in parts: names and shapes of parameters, empty slots, what it sees and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf import DeepPot
from deepmd_tf.export.native import native_graph
from deepmd_tf.files import atomic_write

from .. import reference
from ..frames import make_frame
from ..models import PLAIN, RADIAL, model_config, potential, random_parameters, variant_config, variant_values

NETS = ("filter_type", "descrpt_attr", "layer_0/")


def shapes(changes, **descriptor):
    config = model_config({**changes, "descriptor": {**RADIAL, "neuron": [4, 8], **descriptor}})
    by_name = random_parameters(config).by_name
    return {name: tuple(v.shape) for name, v in by_name.items() if name.startswith(NETS)}


STATISTICS = {"descrpt_attr/t_avg": (2, 20), "descrpt_attr/t_std": (2, 20)}


def net(scope: str, n_in: int, suffix: str = "") -> dict[str, tuple[int, ...]]:
    return {
        f"{scope}/matrix_1{suffix}": (n_in, 4),
        f"{scope}/bias_1{suffix}": (4,),
        f"{scope}/matrix_2{suffix}": (4, 8),
        f"{scope}/bias_2{suffix}": (8,),
    }


@pytest.mark.parametrize("one_side, n_in", [(True, 3), (False, 5)])
def test_parameters_with_type_embedding(one_side, n_in):
    fitting = {"layer_0/matrix": (8 + 2, 6), "layer_0/bias": (6,)}
    typed = shapes({}, type="se_e2_r_tebd", type_one_side=one_side)
    assert typed == net("filter_type_all", n_in) | STATISTICS | fitting


def test_parameters_of_species():
    """Without type embedding, and with one that the fitting net alone is told."""
    of_neighbors = net("filter_type_all", 1, "_0") | net("filter_type_all", 1, "_1")
    assert shapes({}) == of_neighbors | STATISTICS | {"layer_0/matrix": (8 + 2, 6), "layer_0/bias": (6,)}
    assert shapes(PLAIN) == of_neighbors | STATISTICS
    of_pairs = {k: v for i in "01" for j in "01" for k, v in net(f"filter_type_{i}", 1, f"_{j}").items()}
    assert shapes(PLAIN, type_one_side=False) == of_pairs | STATISTICS


def test_an_atom_alone_has_the_descriptor_of_empty_slots():
    config, values = variant_config("radial_plain").model.descriptor, variant_values("radial_plain")
    for kind in range(2):
        s = -values["descrpt_attr/t_avg"][kind, :1] / values["descrpt_attr/t_std"][kind, :1]
        slots = [
            count * reference.embedding_net(s, values, "filter_type_all", config, f"_{j}")
            for j, count in enumerate(config.sel)
        ]
        result = potential("radial_plain").eval_descriptor(np.zeros((1, 3)), None, [kind])[0, 0]
        np.testing.assert_allclose(result, sum(slots) / (5 * sum(config.sel)), rtol=0, atol=1e-14)
        assert np.abs(result).max() > 1e-3


def test_sees_distances_alone():
    """Neighbors that move on spheres around an atom change its descriptor of angles, and that of distances not."""
    rng = np.random.default_rng(3)
    types = np.array([0, 1, 0, 1, 1])
    directions = rng.normal(size=(2, 4, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    around = directions * np.array([1.1, 1.7, 2.2, 2.9])[:, None]
    coords = np.concatenate([np.zeros((2, 1, 3)), around], axis=1)
    for name, sees_angles in (("radial_one_side", False), ("radial_plain", False), ("one_side", True)):
        before, after = potential(name).eval_descriptor(coords, None, types)[:, 0]
        assert np.allclose(before, after, rtol=0, atol=1e-14) != sees_angles


@pytest.mark.parametrize("changes", [{}, PLAIN], ids=["tebd", "plain"])
def test_neighbors_beyond_sel_count_in_native_graphs(changes, tmp_path):
    config = model_config({**changes, "descriptor": {**RADIAL, "sel": [1, 2], "type_one_side": False}})
    values = random_parameters(config, 5).values()
    graph = native_graph(config, values, 0.9)
    atomic_write(tmp_path / "graph.pb", graph.SerializeToString())
    frame = make_frame("triclinic")
    found = reference.neighbors(frame.coord, frame.cell, config.model.descriptor.rcut)
    assert max(len(each) for each in found) > 3
    result = DeepPot(tmp_path / "graph.pb").eval_descriptor(frame.coord, frame.cell, frame.types)[0]
    expected = reference.descriptors(config.model, values, frame.coord, frame.cell, frame.types)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
