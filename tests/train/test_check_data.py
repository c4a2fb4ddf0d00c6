"""`dp train --check-data`: every problem is listed, what is odd is said, nothing is written."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from deepmd_tf.data import load_systems
from deepmd_tf.errors import InputError, collecting_problems, noting_problems, refuse
from deepmd_tf.statistics.inspection import energy_deviations, view_frame
from deepmd_tf.train import notices

from ..mixed import make_frames, write_mixed
from ..runs import EDGE, contents, dp, write_data, write_input, write_system


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_input(tmp_path)
    return tmp_path


def edit(path, change):
    array = np.load(path)
    result = change(array)
    np.save(path, array if result is None else result)


def check(place):
    before = contents(place)
    result = dp("train", "input.json", "--check-data")
    assert contents(place) == before
    assert "Traceback" not in result.err
    return result


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_good_data(place):
    result = check(place)
    assert result.status == 0, result.err
    assert "input.json: no problems in the data" in result.err
    assert "WARNING" not in result.err
    text = words_of(result.err)
    for words in ("training data", "validation data", "systems │ 2", "frames │ 7", "atoms per frame │ 3 to 4"):
        assert words in text
    assert "O 11, H 14" in words_of(result.err.replace("O 11,", "O 11,"))
    assert re.search(r"frames with labels\s+│ energy 7, force 7, virial 7", result.err)
    assert f"{EDGE**3:.6g} Å^3" in result.err


def test_every_problem_is_listed(place):
    edit("data_0/set.000/coord.npy", lambda a: a.__setitem__((1, 4), np.nan))
    edit("data_0/set.000/coord.npy", lambda a: a.__setitem__((3, 0), np.inf))
    edit("data_0/set.000/force.npy", lambda a: a.__setitem__((2, 11), np.nan))
    edit("data_0/set.000/box.npy", lambda a: a.__setitem__(0, 0.0))
    edit("data_1/set.000/energy.npy", lambda a: a[:-1])
    edit("data_1/set.000/virial.npy", lambda a: a[:, :6])
    (place / "data_2" / "type_map.raw").write_text("O Na\n")
    result = check(place)
    assert result.status == 2
    assert result.err.count("error: ") == 1
    for words in (
        "data_0/set.000/coord.npy: frame 1 (counted from 0)".replace("frame 1", "frame 1, atom 1, component 1"),
        "data_0/set.000/coord.npy: frame 3, atom 0, component 0",
        "data_0/set.000/force.npy: frame 2, atom 3, component 2",
        "data_0/set.000/box.npy: frame 0 (counted from 0): expected cell vectors that span a volume",
        "data_1/set.000/energy.npy: expected 3 rows",
        "data_1/set.000/virial.npy: expected shape (nframes, 9)",
        "system data_1: parts cannot be read",
        "'Na' (atom 1 of data_2/type.raw) is not in the model's type_map",
    ):
        assert words in result.message, words
    assert "input.json: the data have 8 problems" in result.message


def test_many_frames_are_summed_up(place):
    edit("data_0/set.000/force.npy", lambda a: np.full((4, 12), np.nan))
    for name in ("coord", "box", "energy", "force", "virial"):
        edit(f"data_0/set.000/{name}.npy", lambda a: np.concatenate([a, a]))
    message = check(place).message
    assert message.count("expected a finite number") == 5
    assert "force.npy: 3 more frames with numbers that are not finite" in message


def test_atoms_that_coincide_are_all_named(place):
    def coincide(array):
        array[0, 3:6] = array[0, :3]
        array[2, 9:12] = array[2, 6:9] + [EDGE, 0, 0]  # the periodic image

    edit("data_0/set.000/coord.npy", coincide)
    message = check(place).message
    assert "data_0: frame 0: atoms 0 and 1 coincide" in message
    assert "data_0: frame 2: atoms 2 and 3 coincide" in message


def test_atoms_that_overlap_are_pointed_out(place):
    edit("data_0/set.000/coord.npy", lambda a: a.__setitem__((1, slice(3, 6)), a[1, :3] + [0.3, 0, 0]))
    result = check(place)
    assert result.status == 0
    assert "atoms overlap in 1 of 7 frames" in result.err
    assert "0.300 Å, O 0 and H 1 (data_0, frame 1)" in words_of(result.err)


def test_energies_out_of_line_are_reported_and_allowed(place):
    write_system(place / "data_3", nframes=40, seed=4)
    write_input(place, {"training.training_data.systems": ["data_0", "data_1", "data_3"]})
    edit("data_3/set.000/energy.npy", lambda a: a.__setitem__(17, a[17] + 100.0))
    for result in (check(place), dp("train", "input.json")):
        assert result.status == 0
        (line,) = [line for line in result.err.splitlines() if "away from that of its composition" in line]
        assert "data_3: frame 17" in line
        assert "+25 eV per atom" in line


def test_cells_of_either_hand_and_thinner_than_the_cutoff(place):
    edit("data_1/set.000/box.npy", lambda a: a.reshape(-1, 3, 3)[:, [1, 0, 2]].reshape(-1, 9))
    write_input(place, {"model.descriptor.rcut": 7.5, "model.descriptor.sel": [99, 99]})
    result = check(place)
    assert result.status == 0
    assert "training_data: 3 of 7 cells have left-handed vectors (the first: data_1, frame 0)" in result.err
    assert "training_data: 7 of 7 cells are thinner than the cutoff 7.5 Å (the thinnest 7 Å" in result.err


def test_a_cell_that_would_take_all_memory_is_refused(place):
    edit("data_0/set.000/box.npy", lambda a: a.__setitem__(1, 1e-3 * np.eye(3).ravel()))
    assert "data_0: frame 1: the cell is too" in check(place).message


def test_small_sel_and_absent_species(place):
    write_input(place, {"model.descriptor.sel": [1, 1, 1], "model.type_map": ["O", "H", "Na"]})
    for result in (check(place), dp("train", "input.json")):
        assert result.status == 0
        assert "model.descriptor.sel is smaller than the data needs" in result.err
        assert "the training data have no atom of Na" in result.err
        assert "which are missing from the training data" not in result.err


def test_frames_of_all_kinds_are_counted_and_found(tmp_path, caplog):
    """Ordinary systems before, between and after one of mixed type; an outlier in each is named with its frame."""
    frames = make_frames(40, labels=["energy"], seed=3)
    for frame in frames:
        frame["energy"] = np.bincount(frame["type"], minlength=2) @ [1.0, -3.0]
    frames[12]["energy"] = frames[12]["energy"] + 50.0 * len(frames[12]["type"])
    paths = [write_mixed(tmp_path / "mixed", frames, sets=(25, 15))]
    for number, atoms in enumerate(([0, 1, 1], [1, 0])):
        folder = write_system(tmp_path / f"s{number}", types=atoms, nframes=6, labels=[]) / "set.000"
        energy = np.full(6, np.bincount(atoms, minlength=2) @ [-3.0, 1.0])
        energy[4 - number] -= (30.0 - 10.0 * number) * len(atoms)
        np.save(folder / "energy.npy", energy)
        paths.insert(2 * number, str(folder.parent))
    systems = load_systems(paths, ["H", "O", "C"])
    expected = [sum(np.sum(system.types(np.arange(system.nframes)) == k) for system in systems) for k in range(3)]
    assert notices.type_counts(systems).tolist() == expected
    notices.warn_of_oddities({"training": systems, "validation": systems[1:2]}, ["H", "O", "C"])
    found = [re.findall(r"(\w+): frame (\d+).* is ([+-]\d+)", record.message) for record in caplog.records]
    assert found[:3] == [[("mixed", "12", "+50")], [("s0", "4", "-30")], [("s1", "3", "-20")]]
    assert found[3] == found[0]
    assert "no atom of C" in caplog.records[4].message
    assert len(found) == 5
    caplog.clear()
    notices.warn_of_species({"training": np.array([1, 0]), "validation": np.array([1, 2])}, ["H", "O"])
    assert "validation_data: has atoms of O, which are missing from the training data" in caplog.records[1].message


def test_rounding_counts_real_atoms(tmp_path):
    """Energies of 2^20 eV are rounded by 1/32 eV; frames of two atoms among columns for eight."""
    place = write_system(tmp_path / "s", types=[0] * 8, nframes=2, labels=["energy"])
    np.save(place / "set.000/energy.npy", np.array([2.0**20, 1.0], dtype=np.float32))
    np.save(place / "set.000/real_atom_types.npy", np.array([[0, 0] + 6 * [-1], [0] * 8]))
    (system,) = load_systems([place], ["O", "H"])
    assert system.energy_rounding == 2.0**-4 / 2


def test_energies_in_single_precision(place):
    edit("data_0/set.000/energy.npy", lambda a: (a - 1e6).astype(np.float32))
    for arguments in (["--check-data"], []):
        result = dp("train", "input.json", *arguments)
        assert result.status == 0
        assert result.err.count("1 of 2 systems have energies in float32") == 1
        assert "up to 0.0078 eV per atom (data_0)" in result.err
    edit("data_0/set.000/energy.npy", lambda a: (a + 1e6).astype(np.float32))
    assert "float32" not in dp("train", "input.json", "--check-data").err


def test_labels_and_parameters_that_the_input_asks_for(place):
    for system in ("data_0", "data_1"):
        for name in ("energy", "force", "virial"):
            (place / system / "set.000" / f"{name}.npy").unlink()
    write_input(place, {"model.fitting_net.numb_fparam": 2, "training.training_data.batch_size": [1, 2, 3]})
    message = check(place).message
    for words in ("the loss needs energy.npy", "data_0: expected 2 numbers per frame", "expected 2 integers, one per"):
        assert words in message


def test_data_that_are_not_there(place):
    write_input(place, {"training.training_data.systems": "nowhere"})
    message = check(place).message
    assert "the data have 1 problem\n" in message
    assert "nowhere: expected a directory" in message


def test_without_tensorflow(place):
    code = (
        "import sys; from deepmd_tf.cli import main; status = main(['train', 'input.json', '--check-data']);"
        "sys.exit(status or ('tensorflow was imported' if 'tensorflow' in sys.modules else 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class TestCollecting:
    def test_outside_the_first_problem_is_raised(self):
        with pytest.raises(InputError, match="one"):
            refuse("one")
        with pytest.raises(InputError, match="two"), noting_problems():
            raise InputError("two")

    def test_inside_all_are_noted(self):
        with collecting_problems() as problems:
            refuse("one")
            with noting_problems():
                raise InputError("two")
        assert problems == ["one", "two"]

    def test_other_errors_pass(self):
        with pytest.raises(ZeroDivisionError), collecting_problems(), noting_problems():
            raise ZeroDivisionError


def test_a_frame_seen(tmp_path):
    """Against all pairs at their shortest images, the cutoff being below half the cell."""
    from deepmd_tf.data import load_system

    system = load_system(write_system(tmp_path / "s", seed=5), ["O", "H"])
    batch = system.frames([2])
    apart = batch.coord[0][:, None] - batch.coord[0]
    apart -= EDGE * np.round(apart / EDGE)
    distance = np.linalg.norm(apart, axis=2) + 99 * np.eye(4)
    unit = np.array([[1.3, 0.9], [0.9, 0.6]])
    view = view_frame(system, 2, [3.4, 2.9], unit)
    closeness = distance / unit[np.ix_(system.type, system.type)]
    assert view.closeness == pytest.approx(closeness.min(), rel=1e-12)
    assert set(view.pair) == set(np.unravel_index(closeness.argmin(), (4, 4)))
    assert view.distance == pytest.approx(distance[view.pair], rel=1e-12)
    expected = [[((distance < rcut) & (system.type == t)).sum(axis=1).max() for t in range(2)] for rcut in (3.4, 2.9)]
    assert view.max_neighbors.tolist() == expected
    assert view.volume == pytest.approx(EDGE**3)
    assert view.thickness == pytest.approx(EDGE)
    assert view.force == pytest.approx(np.linalg.norm(batch.force[0], axis=1).max())


def test_deviations_do_not_follow_outliers(rng):
    compositions = rng.integers(1, 9, (200, 3)).astype(float)
    usual = 0.02 * rng.normal(size=200)
    energies = compositions @ [-3.0, 2.0, 7.5] + usual * compositions.sum(axis=1)
    for frame in (3, 77, 150):
        energies[frame] += 500.0 * compositions[frame].sum()
    deviation, spread = energy_deviations(energies, compositions)
    assert spread == pytest.approx(0.02, rel=0.2)
    assert set(np.flatnonzero(np.abs(deviation) > 10 * spread)) == {3, 77, 150}
    assert deviation[77] == pytest.approx(500.0, rel=1e-3)
