"""`dp train --finetune` and `--init-*` with other species: parameters by name, energies from the new data."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.data import load_systems
from deepmd_tf.export.change_bias import BIAS
from deepmd_tf.infer import DeepPot

from ..runs import dp, write_data, write_input
from ..tiers import slow_but
from .conftest import LONG
from .test_train import STILL, train

MODEL = {"model.type_embedding.neuron": [5, 2], "model.descriptor.neuron": [4, 8], "training.validation_data": ...}
SYSTEMS = ["data_0", "data_1"]
OFFSET = {"O": 7.0, "H": -2.0}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A directory with a checkpoint and its graph."""
    place = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        write_data(place)
        write_input(place, LONG | MODEL)
        train()
        assert dp("freeze", "-o", "graph.pb").status == 0
    return place


def residuals(graph: str, systems=SYSTEMS) -> tuple[np.ndarray, np.ndarray]:
    """Energies of data minus those of a graph, and compositions."""
    potential, found = DeepPot(graph), []
    for system in load_systems(systems, potential.get_type_map()):
        batch = system.frames()
        energy = potential.eval(batch.coord, batch.box, batch.type[0])[0][:, 0]
        found.append((batch.energy - energy, system.compositions(np.arange(system.nframes))))
    return tuple(map(np.concatenate, zip(*found, strict=True)))


def shift_data(place) -> None:
    """Energies with another zero for each species."""
    for name in SYSTEMS:
        file = place / name / "set.000" / "energy.npy"
        types = np.loadtxt(place / name / "type.raw", dtype=int)
        np.save(file, np.load(file) + sum(OFFSET["OH"[t]] for t in types))


@pytest.mark.parametrize("source", ["model.ckpt-6", "graph.pb"])
def test_energies_are_fitted_to_the_data_and_all_else_is_reused(pretrained, place, source):
    shift_data(place)
    write_input(place, LONG | MODEL | STILL)
    log = train("--finetune", str(pretrained / source)).err
    assert log.count("eV, fitted to the data") == 2
    assert "reused: type_embed_net/ matrix_1 matrix_2" in log
    before = StoredCheckpoint(pretrained / "model.ckpt-6").values()
    after = StoredCheckpoint(place / "model.ckpt-2")
    assert after.step == 2
    changed = [name for name, value in after.values().items() if (value != before[name]).any()]
    assert changed == [BIAS]
    assert dp("freeze", "-o", "new.pb").status == 0
    left, compositions = residuals("new.pb")
    assert np.abs(residuals(pretrained / "graph.pb")[0]).max() > 1
    np.testing.assert_allclose(compositions.T @ left, 0, atol=1e-8)  # nothing is left that species could explain


def test_a_new_species_in_a_larger_type_map(pretrained, place):
    """Old species keep parameters and energies; the new one's energy is what the data have beyond them."""
    (place / "data_1" / "type_map.raw").write_text("O\nC\n")
    keys = {"model.type_map": ["C", "O", "H"], "model.descriptor.sel": [5, 6, 6]}
    write_input(place, LONG | MODEL | STILL | keys)
    log = train("--init-frz-model", str(pretrained / "graph.pb")).err
    assert "reused, new for C: type_embed_net/ matrix_1" in log
    assert "energy of C:" in log and "energy of O:" not in log
    before = StoredCheckpoint(pretrained / "model.ckpt-6").values()
    after = StoredCheckpoint(place / "model.ckpt-2").values()
    np.testing.assert_array_equal(after[BIAS][1:], before[BIAS])
    np.testing.assert_array_equal(after["type_embed_net/matrix_1"][1:], before["type_embed_net/matrix_1"])
    np.testing.assert_array_equal(after["layer_1/matrix"], before["layer_1/matrix"])
    assert dp("freeze", "-o", "new.pb").status == 0
    left, compositions = residuals("new.pb")
    assert abs(compositions[:, 0] @ left) < 1e-8
    assert abs(compositions[:, 1] @ left) > 1e-6


@pytest.mark.parametrize("source", slow_but(["graph.pb"], ["model.ckpt-6", "graph.pb"]))
def test_another_order_of_species_is_the_same_model(pretrained, place, source):
    """Forces stay, and energies differ by what was fitted for each species; data are mapped by name."""
    shift_data(place)
    write_input(place, LONG | MODEL | STILL | {"model.type_map": ["H", "O"]})
    train("--finetune", str(pretrained / source))
    assert dp("freeze", "-o", "new.pb").status == 0
    old, new = DeepPot(pretrained / "graph.pb"), DeepPot("new.pb")
    assert (old.get_type_map(), new.get_type_map()) == (["O", "H"], ["H", "O"])
    biases = (StoredCheckpoint(path).values()[BIAS] for path in (place / "model.ckpt-2", pretrained / "model.ckpt-6"))
    shift = next(biases)[::-1] - next(biases)
    for name in SYSTEMS:
        (system,) = load_systems([name], ["O", "H"])
        batch = system.frames()
        before = old.eval(batch.coord, batch.box, batch.type[0])
        after = new.eval(batch.coord, batch.box, 1 - batch.type[0])
        np.testing.assert_allclose(after[1], before[1], atol=1e-9 * np.abs(before[1]).max())
        expected = before[0][:, 0] + system.compositions(np.arange(system.nframes)) @ shift
        np.testing.assert_allclose(after[0][:, 0], expected, rtol=1e-9)
    left, compositions = residuals("new.pb")
    np.testing.assert_allclose(compositions.T @ left, 0, atol=1e-8)


def test_training_goes_on_in_another_order_of_species(pretrained, place):
    keys = {"model.type_map": ["H", "O"], "model.descriptor.sel": "auto", "training.numb_steps": 2}
    write_input(place, LONG | MODEL | keys)
    log = train("--finetune", str(pretrained / "model.ckpt")).err
    curve = np.genfromtxt("lcurve.out", names=True)
    assert np.isfinite(curve["rmse_f_trn"]).all()
    assert StoredCheckpoint("model.ckpt").config["model"]["type_map"] == ["H", "O"]
    assert "restart" not in log.replace("--restart", "")


def test_a_restart_keeps_its_species(pretrained, place):
    write_input(place, LONG | MODEL | {"model.type_map": ["H", "O"]})
    message = train("--restart", str(pretrained / "model.ckpt-4"), status=2).message
    assert all(word in message for word in ("model.type_map", "['H', 'O']", "['O', 'H']"))


def test_given_energies_stay(pretrained, place):
    keys = {"model.fitting_net.atom_ener": [0.5, None], "model.descriptor.set_davg_zero": True}
    write_input(place, LONG | MODEL | keys)
    train()
    (place / "model.ckpt-6").rename(place / "old.ckpt-6")
    shift_data(place)
    write_input(place, LONG | MODEL | STILL | keys)
    log = train("--finetune", "old.ckpt-6").err
    assert "energy of H:" in log and "energy of O:" not in log
    assert StoredCheckpoint(place / "model.ckpt-2").values()[BIAS][0] == 0.5


@pytest.mark.parametrize("place_of", ["nowhere", "data_0"])
def test_nothing_to_begin_with(place, place_of):
    write_input(place, LONG | MODEL)
    assert "no checkpoint found" in train("--finetune", place_of, status=2).message


def test_data_without_energies(pretrained, place):
    for name in SYSTEMS:
        (place / name / "set.000" / "energy.npy").unlink()
    write_input(place, LONG | MODEL | {"loss.start_pref_e": 0.0, "loss.limit_pref_e": 0.0})
    message = train("--finetune", str(pretrained / "graph.pb"), status=2).message
    assert "no energies" in message
