"""A run on systems of mixed type, HDF5 or extended XYZ files sees the same frames as one on ordinary systems."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from deepmd_tf.config import parse_config
from deepmd_tf.data import feed
from deepmd_tf.model.build import new_model
from deepmd_tf.train.data import RunData, load_data
from deepmd_tf.train.measure import measure
from deepmd_tf.train.trainer import Trainer

from ..mixed import NAMES, make_frames, write_hdf5, write_mixed, write_ordinary
from ..runs import INPUT, changed, dp
from ..tiers import slow_but

LABELS = ("energy", "force", "virial", "aparam", "fparam")
RADIAL = {"type": "se_e2_r", "sel": [8, 8], "rcut": 4.0, "rcut_smth": 1.0, "seed": 1}
PAIRS = {"type": "se_e3_tebd", "sel": [6, 6], "rcut": 3.5, "rcut_smth": 1.0, "neuron": [2, 4], "seed": 1}
DESCRIPTORS = {
    "se_e2_a": {},
    "se_e2_a without type embedding": {"model.type_embedding": None},
    "hybrid": {"model.descriptor": {"type": "hybrid", "list": [RADIAL, PAIRS]}},
}


def config_of(systems, **changes):
    keys = {
        "model.fitting_net.numb_aparam": 2,
        "model.fitting_net.numb_fparam": 2,
        "loss": {"type": "ener", "start_pref_v": 1.0, "limit_pref_v": 1.0},
        "training.training_data.systems": systems,
        "training.training_data.batch_size": "mixed:5",
        "training.validation_data": None,
    }
    return parse_config(changed(INPUT, keys | changes))


def begin(systems, changes):
    """Statistics, and a trainer that has not taken a step."""
    config = config_of(systems, **changes)
    source = load_data(config).training
    found = measure(config, source)
    trainable = new_model(found.config.model, found.statistics)
    return source, found.statistics, Trainer(found.config, RunData(source, None), trainable, found.facts)


@pytest.mark.parametrize("name", slow_but(["se_e2_a"], DESCRIPTORS))
def test_the_same_statistics_loss_and_step(tmp_path, name):
    """Padding atoms count nowhere: the step, so every gradient, is that of the same frames without them."""
    changes = DESCRIPTORS[name]
    frames = make_frames(labels=LABELS)
    ordinary = begin(write_ordinary(tmp_path / "ordinary", frames), changes)
    mixed = begin([write_mixed(tmp_path / "mixed", frames)], changes)
    for name in ("energy_bias", "fparam", "aparam"):
        pair = (getattr(run[1].fitting, name) for run in (ordinary, mixed))
        np.testing.assert_allclose(*pair, rtol=1e-12)
    for of_members in zip(ordinary[1].environment, mixed[1].environment, strict=True):
        for name in ("avg", "std_radial", "std_angular"):
            np.testing.assert_allclose(*(getattr(found, name) for found in of_members), rtol=1e-12)
    order = [3, 0, 4, 1, 2]
    batches = [
        feed([ordinary[0].systems[frame].frames() for frame in order]),
        feed([mixed[0].systems[0].frames(order)]),
    ]
    outcomes = []
    for (_, _, trainer), batch in zip((ordinary, mixed), batches, strict=True):
        outcome = trainer._step.train(batch, 1e-3, 1.0)
        values = {name: variable.numpy() for name, variable in trainer.parameters.by_name.items()}
        outcomes.append((outcome.metrics.numpy(), values))
    np.testing.assert_allclose(outcomes[1][0], outcomes[0][0], rtol=1e-11)
    assert outcomes[0][0][0] > 0
    counts = outcomes[1][0][[2, 4, 6]]
    natoms = sum(len(frame["type"]) for frame in frames)
    assert counts.tolist() == [5, 3 * natoms, 45]
    for name, values in outcomes[0][1].items():
        np.testing.assert_allclose(outcomes[1][1][name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_train_and_test_on_every_kind_of_file(tmp_path, monkeypatch):
    """The same frames in four forms: the same learning curve where the order of frames is the same, the same errors."""
    monkeypatch.chdir(tmp_path)
    frames = make_frames(6, labels=("energy", "force", "virial"), most=5)
    write_ordinary(tmp_path / "ordinary", frames)
    write_mixed(tmp_path / "mixed", frames, sets=(4, 2))
    write_hdf5(tmp_path / "frames.hdf5", {"mixed": tmp_path / "mixed"})
    images = []
    for frame in frames:
        atoms = Atoms([NAMES[k] for k in frame["type"]], frame["coord"], cell=frame["box"].reshape(3, 3), pbc=True)
        atoms.info["virial"] = frame["virial"].reshape(3, 3)
        atoms.calc = SinglePointCalculator(atoms, energy=frame["energy"][0], forces=frame["force"])
        images.append(atoms)
    write("frames.xyz", images, format="extxyz")
    curves, errors = {}, {}
    for place in ("ordinary", "mixed", "frames.hdf5#/mixed", "frames.xyz"):
        table = changed(
            INPUT,
            {
                "loss": {"type": "ener", "start_pref_v": 1.0, "limit_pref_v": 1.0},
                "training.numb_steps": 2,
                "training.training_data": {"systems": place, "batch_size": "mixed:6"},
                "training.validation_data": {"systems": place, "batch_size": "mixed:6"},
            },
        )
        (tmp_path / "input.json").write_text(json.dumps(table))
        assert dp("train", "input.json").status == 0
        curves[place] = np.loadtxt("lcurve.out")
        if place == "ordinary":
            assert dp("freeze", "-o", "graph.pb").status == 0
        errors[place] = json.loads(dp("test", "-m", "graph.pb", "-s", place, "--json").out)["total"]
    np.testing.assert_array_equal(curves["frames.hdf5#/mixed"], curves["mixed"])
    np.testing.assert_allclose(curves["frames.xyz"], curves["mixed"], rtol=1e-4)
    for place in curves:
        assert errors[place]["nframes"] == 6
        for name in ("energy", "energy_per_atom", "force", "virial_per_atom"):
            for kind in ("mae", "rmse"):
                assert errors[place][name][kind] == pytest.approx(errors["ordinary"][name][kind], rel=1e-5)
