"""Graphs of DeePMD-kit give the same results in our `DeepPot`, and our `dp train` continues from them."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf import DeepPot
from deepmd_tf.cli import main
from deepmd_tf.errors import InputError
from deepmd_tf.export.compress import CompressOptions, compress_graph
from deepmd_tf.files import atomic_write

from .comparison import assert_equal, evaluate
from .inputs import train_ours, water_frames, water_input

NETS = ("type_embedding", "descriptor", "fitting_net")


def all_nets(key: str, value) -> dict:
    return {f"model.{net}.{key}": value for net in NETS}


PAIRS = {
    "model.descriptor.type": "se_e3",
    "model.descriptor.axis_neuron": None,
    "model.descriptor.type_one_side": None,
    "model.descriptor.rcut": 4.0,
    "model.descriptor.sel": [16, 32],
}
RADIAL = {"model.descriptor.type": "se_e2_r", "model.descriptor.axis_neuron": None}
ANGULAR = {
    "type": "se_e2_a",
    "sel": [16, 32],
    "rcut": 4.0,
    "rcut_smth": 0.5,
    "neuron": [4, 8],
    "axis_neuron": 2,
    "seed": 1,
}
HYBRID = {
    "type": "hybrid",
    "list": [ANGULAR, {"type": "se_e2_r", "sel": [46, 92], "rcut": 6.0, "rcut_smth": 0.5, "neuron": [3, 6], "seed": 2}],
}
INPUTS = {
    "one_side": {},
    "two_sides": {"model.descriptor.type_one_side": False},
    "resnet_dt": all_nets("resnet_dt", True) | {"model.descriptor.exclude_types": [[0, 0]]},
    "econf": {"model.type_embedding.use_econf_tebd": True, "model.type_embedding.use_tebd_bias": True},
    "atom_ener": {"model.fitting_net.atom_ener": [-90.0, None], "model.descriptor.set_davg_zero": True},
    "gelu_tf": all_nets("activation_function", "gelu_tf"),
    "softplus_two_sides": all_nets("activation_function", "softplus") | {"model.descriptor.type_one_side": False},
    "float32": all_nets("precision", "float32"),
    "plain": {"model.type_embedding": None, "model.descriptor.type_one_side": False},
    "plain_one_side": {"model.type_embedding": None, "model.fitting_net.resnet_dt": False},
    "strip": {"model.descriptor.type": "se_a_ebd_v2", "model.descriptor.type_one_side": False},
    "strip_one_side": {"model.descriptor.type": "se_a_ebd_v2", "model.descriptor.exclude_types": [[0, 1]]},
    "strip_defaults": {"model.descriptor.type": "se_a_ebd_v2", "model.type_embedding": None},
    "pairs": PAIRS,
    "pairs_plain": PAIRS | {"model.type_embedding": None, "model.descriptor.resnet_dt": True},
    "radial": {"model.type_embedding": None, "model.descriptor.type_one_side": False, **RADIAL},
    "radial_one_side": {"model.type_embedding": None, **RADIAL},
    "radial_with_type_embedding": RADIAL,
    "hybrid": {"model.descriptor": HYBRID},
    "hybrid_plain": {"model.descriptor": HYBRID, "model.type_embedding": None},
}
# The learning rate is too small to change the parameters, so the graph contains the initial parameters.
STANDSTILL = {"training.numb_steps": 1, "learning_rate.start_lr": 1e-20, "learning_rate.stop_lr": 1e-21}


@pytest.fixture(scope="module")
def trained(peer, tmp_path_factory):
    """Return a function that trains an entry of `INPUTS` with DeePMD-kit, once, and returns the graph."""
    directory, graphs = tmp_path_factory.mktemp("trained"), {}

    def graph(name):
        if name not in graphs:
            graphs[name] = peer.train(directory / name, water_input(INPUTS[name]))
        return graphs[name]

    return graph


OFFSET = np.array([12.5, -3.75])

# TensorFlow's GELU, which DeePMD-kit calls gelu_tf, rounds the constant 0.044715 to float32; ours does not.
TOLERANCES = {"float32": 1e-5, "gelu_tf": 1e-8}


@pytest.mark.parametrize("name", INPUTS)
def test_evaluates(peer, trained, name):
    frames = water_frames()
    assert_equal(
        evaluate(trained(name), **frames), peer.evaluate(trained(name), **frames), 1e-5 if name == "float32" else 1e-10
    )


@pytest.mark.parametrize("boundary", ["open", "triclinic", "small"])
@pytest.mark.parametrize("name", ["one_side", "two_sides"])
def test_boundaries(peer, trained, name, boundary):
    frames = water_frames(1)
    cell = frames["cells"][0].reshape(3, 3)
    if boundary == "open":
        frames["cells"] = None
    elif boundary == "triclinic":
        shear = np.array([[1.0, 0.0, 0.0], [0.2, 1.0, 0.0], [-0.1, 0.15, 1.0]])
        frames["cells"] = (cell @ shear).reshape(1, 9)
        frames["coord"] = (frames["coord"].reshape(-1, 3) @ shear).reshape(1, -1)
    else:
        # Twelve atoms in a cell with edges little longer than the cutoff.
        keep = np.sort(np.argsort(np.linalg.norm(frames["coord"].reshape(-1, 3) % np.diag(cell), axis=1))[:12])
        frames["coord"] = frames["coord"].reshape(-1, 3)[keep].reshape(1, -1)
        frames["types"] = frames["types"][keep]
        frames["cells"] = np.diag([7.0, 8.0, 9.0]).reshape(1, 9)
    assert_equal(evaluate(trained(name), **frames), peer.evaluate(trained(name), **frames), 1e-10)


@pytest.mark.parametrize("name", INPUTS)
def test_initial_parameters(trained, name, tmp_path, monkeypatch):
    table = water_input(INPUTS[name] | STANDSTILL)
    graph = train_ours(tmp_path, table, monkeypatch, "--init-frz-model", str(trained(name)))
    frames = water_frames()
    assert_equal(evaluate(graph, **frames), evaluate(trained(name), **frames), TOLERANCES.get(name, 1e-10))


@pytest.mark.parametrize("name", ["one_side", "two_sides", "resnet_dt", "econf", "plain", "strip", "strip_one_side"])
def test_compressed(trained, name, tmp_path):
    """Graphs of DeePMD-kit can be compressed, including concatenated type embeddings, which it cannot compress."""
    result = compress_graph(trained(name), CompressOptions(), shortest=0.8)
    atomic_write(tmp_path / "compressed.pb", result.graph.SerializeToString())
    frames = water_frames()
    assert_equal(evaluate(tmp_path / "compressed.pb", **frames), evaluate(trained(name), **frames), 1e-9)


@pytest.mark.parametrize("name", ["one_side", "plain", "strip"])
def test_energies_per_species_changed(peer, trained, name, tmp_path):
    """DeePMD-kit evaluates its own graph after `dp change-bias` has fitted it to labels with an offset."""
    frames = water_frames()
    before = peer.evaluate(trained(name), **frames)
    offset = np.bincount(frames["types"], minlength=2) @ OFFSET
    system, new = tmp_path / "data", tmp_path / "new.pb"
    (system / "set.000").mkdir(parents=True)
    arrays = {"coord": frames["coord"], "box": frames["cells"], "energy": before["energy"].ravel() + offset}
    for key, value in arrays.items():
        np.save(system / "set.000" / f"{key}.npy", value)
    np.savetxt(system / "type.raw", frames["types"], fmt="%d")
    assert main(["change-bias", str(trained(name)), "-s", str(system), "-o", str(new)]) == 0
    after = peer.evaluate(new, **frames)
    np.testing.assert_allclose(after["energy"].ravel(), arrays["energy"], rtol=1e-9)
    for key in ("force", "virial"):
        np.testing.assert_allclose(after[key], before[key], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["one_side", "plain", "strip", "radial"])
def test_species_in_another_order(trained, name, tmp_path, monkeypatch):
    keys = INPUTS[name] | STANDSTILL | {"model.type_map": ["H", "O"], "model.descriptor.sel": [92, 46]}
    graph = train_ours(tmp_path, water_input(keys), monkeypatch, "--init-frz-model", str(trained(name)))
    frames = water_frames()
    expected = evaluate(trained(name), **frames)
    found = evaluate(graph, **frames | {"types": 1 - frames["types"]})
    for key in ("energy", "force", "virial"):
        np.testing.assert_allclose(found[key], expected[key], rtol=0, atol=1e-10 * np.abs(expected[key]).max())


def test_foreign_op_is_named(peer, tmp_path):
    graph = peer.train(tmp_path, water_input(all_nets("activation_function", "gelu")))
    with pytest.raises(InputError, match="GeluCustom"):
        DeepPot(graph)
