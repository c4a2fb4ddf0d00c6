"""Systems of mixed type mean what the same frames mean as systems of their own; padding atoms mean nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepmd_tf.data import Batch, feed, load_system, load_systems
from deepmd_tf.errors import InputError

from ..mixed import LABELS, make_frames, write_mixed, write_ordinary

TYPE_MAP = ("C", "O", "H")


@pytest.fixture
def frames():
    return make_frames()


@pytest.fixture
def mixed(tmp_path, frames):
    return load_system(write_mixed(tmp_path / "mixed", frames), TYPE_MAP)


@pytest.fixture
def ordinary(tmp_path, frames):
    return load_systems(write_ordinary(tmp_path, frames), TYPE_MAP)


def test_what_it_is(mixed, frames):
    assert mixed.mixed and mixed.type is None
    assert (mixed.nframes, mixed.natoms, mixed.ntypes) == (5, 8, 3)
    assert mixed.labels == set(LABELS)
    assert (mixed.numb_fparam, mixed.numb_aparam) == (2, 2)
    counts = [[0, (frame["type"] == 1).sum(), (frame["type"] == 0).sum()] for frame in frames]
    assert mixed.compositions(np.array([4, 0, 1])).tolist() == [counts[4], counts[0], counts[1]]


@pytest.mark.parametrize("indices", [[0, 1, 2, 3, 4], [4, 1], [2], [3, 3, 0]])
def test_a_batch_is_that_of_the_ordinary_systems(mixed, ordinary, indices):
    expected = feed([ordinary[index].frames() for index in indices])
    found = feed([mixed.frames(indices)])
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
        assert found[name].dtype == values.dtype


def test_mixed_and_ordinary_frames_share_a_batch(mixed, ordinary):
    expected = feed([ordinary[index].frames() for index in (2, 0, 4, 1)])
    found = feed([ordinary[2].frames(), mixed.frames([0, 4]), ordinary[1].frames()])
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_frames_of_one_size_without_padding(mixed, ordinary):
    seen = []
    for places, part in mixed.frames().without_padding():
        assert part.type.min() >= 0
        for place, row in zip(places, range(part.nframes), strict=True):
            alone = ordinary[place].frames()
            for name in ("coord", "type", "box", *LABELS):
                np.testing.assert_array_equal(getattr(part, name)[row], getattr(alone, name)[0], err_msg=name)
        seen.extend(places)
    assert sorted(seen) == list(range(5))


def test_frames_without_padding_are_passed_on(ordinary):
    batch = ordinary[0].frames()
    ((places, part),) = batch.without_padding()
    assert part is batch and places.tolist() == [0]
    empty = Batch(np.zeros((0, 3, 3)), np.zeros((0, 3), np.int32))
    assert empty.real is None


def test_a_set_without_padding(tmp_path, frames):
    """Every frame full: nothing is left out."""
    same = [dict(frames[1], energy=np.array([float(k)])) for k in range(2)]
    directory = Path(write_mixed(tmp_path / "m", same, sets=(2,)))
    width = len(frames[1]["type"])
    for name in ("coord", "force", "atom_ener", "aparam"):
        rows = np.stack([frame[name].ravel() for frame in same])
        np.save(directory / f"set.000/{name}.npy", rows)
    np.save(directory / "set.000/real_atom_types.npy", np.stack([frame["type"] for frame in same]))
    (directory / "type.raw").write_text("0\n" * width)
    arrays = feed([load_system(directory, TYPE_MAP).frames()])
    assert arrays["frame_splits"].tolist() == [0, width, 2 * width]


def change(directory: str, function, name="set.001/real_atom_types.npy"):
    path = Path(directory) / name
    np.save(path, function(np.load(path)))


def put(value):
    def function(types):
        types[1, 3] = value
        return types

    return function


BROKEN = {
    "unknown number": (put(2), ["frame 1, atom 3", "0 to 1", "type_map.raw", "-1 for padding", "got 2"]),
    "below padding": (put(-2), ["frame 1, atom 3", "got -2"]),
    "only padding": (lambda t: np.where(np.arange(len(t))[:, None] == 2, -1, t), ["frame 2", "not padding"]),
    "floating point": (lambda t: t.astype(float), ["expected integers", "float64", "int32"]),
    "another number of atoms": (lambda t: t[:, :-1], ["(3, 8)", "type.raw", "(3, 7)"]),
    "another number of frames": (lambda t: t[:-1], ["(3, 8)", "coord.npy", "(2, 8)"]),
}


@pytest.mark.parametrize(("function", "words"), BROKEN.values(), ids=BROKEN)
def test_bad_types(tmp_path, frames, function, words):
    directory = write_mixed(tmp_path / "m", frames)
    change(directory, function)
    with pytest.raises(InputError) as caught:
        load_system(directory, TYPE_MAP)
    for word in ("set.001/real_atom_types.npy", *words):
        assert word in str(caught.value)


def test_species_that_the_model_does_not_have(tmp_path, frames):
    directory = write_mixed(tmp_path / "m", frames)
    with pytest.raises(InputError, match=r"type_map\.raw: 'H' \(frame \d, atom \d of .*real_atom_types\.npy\) is not"):
        load_system(directory, ("O",))
    change(directory, lambda types: np.where(types == 0, 1, types))
    change(directory, lambda types: np.where(types == 0, 1, types), "set.000/real_atom_types.npy")
    assert load_system(directory, ("O",)).compositions(np.arange(5)).shape == (5, 1)


def test_names_are_needed(tmp_path, frames):
    directory = write_mixed(tmp_path / "m", frames)
    (Path(directory) / "type_map.raw").unlink()
    with pytest.raises(InputError, match=r"type_map\.raw: expected the names"):
        load_system(directory, TYPE_MAP)
