"""The arrays of a step have the same names and meanings whatever its systems have."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.data import feed, load_system
from deepmd_tf.data.feed import FIELDS

from .conftest import TYPE_MAP, write_system

LABELS = ("energy", "force", "virial", "atom_ener", "fparam", "aparam")
PER_ATOM = {"force", "atom_ener", "aparam"}
VARIANTS = {
    "periodic": {},
    "open": {"periodic": False},
    "no labels": {"labels": ()},
    "everything": {"labels": LABELS},
    "one atom": {"types": (1,)},
}


def load(place, **kwargs):
    return load_system(write_system(place, **kwargs), TYPE_MAP)


def check_shapes(arrays, nframes, natoms):
    assert set(arrays) == set(FIELDS)
    for name, field in FIELDS.items():
        assert arrays[name].dtype == field.dtype, name
        assert arrays[name].ndim == len(field.shape), name
        assert len(arrays[name]) == (natoms if field.per_atom else nframes + (name == "frame_splits")), name
        assert field.width in (None, 1) or arrays[name].shape[1] == field.width, name


@pytest.mark.parametrize("kwargs", VARIANTS.values(), ids=VARIANTS)
def test_frames_of_one_system(tmp_path, kwargs):
    system = load(tmp_path / "s", **kwargs)
    batch = system.frames([0, 5])
    arrays = feed([batch])
    check_shapes(arrays, 2, 2 * system.natoms)
    assert arrays["frame_splits"].tolist() == [0, system.natoms, 2 * system.natoms]
    assert arrays["periodic"].tolist() == [system.periodic] * 2
    assert arrays["type"].tolist() == [*system.type, *system.type]
    np.testing.assert_array_equal(arrays["coord"].reshape(2, -1, 3), batch.coord)
    np.testing.assert_array_equal(arrays["box"].ravel(), 0 if batch.box is None else batch.box.ravel())
    for name in LABELS:
        present = name in system.labels
        assert arrays[f"has_{name}"].tolist() == [present] * 2
        if present:
            np.testing.assert_array_equal(arrays[name].ravel(), getattr(batch, name).ravel())
        else:
            assert not arrays[name].any()


def test_frames_of_several_systems_stand_one_after_another(tmp_path):
    """Each frame of the batch is what it is on its own; what a system lacks is zeros."""
    systems = [
        load(tmp_path / "a", labels=("energy", "force")),
        load(tmp_path / "b", types=(1, 0, 1, 0, 1), periodic=False, labels=("energy", "aparam", "virial"), seed=1),
        load(tmp_path / "c", types=(0,), labels=("virial", "atom_ener", "fparam", "aparam"), seed=2),
    ]
    frames = [(0, [3, 1]), (1, [6]), (2, [0, 2, 4]), (0, [0])]
    arrays = feed([systems[isystem].frames(indices) for isystem, indices in frames])
    check_shapes(arrays, 7, 3 * 3 + 5 + 3)
    splits = arrays["frame_splits"]
    assert splits.tolist() == [0, 3, 6, 11, 12, 13, 14, 17]
    alone = [(systems[i], feed([systems[i].frames([frame])])) for i, indices in frames for frame in indices]
    for number, (system, expected) in enumerate(alone):
        atoms, frame = slice(splits[number], splits[number + 1]), slice(number, number + 1)
        for name, field in FIELDS.items():
            rows = arrays[name][atoms if field.per_atom else frame]
            if name == "frame_splits":
                continue
            if name in LABELS and name not in system.labels:
                assert not rows.any(), name
            else:
                np.testing.assert_array_equal(rows, expected[name], err_msg=name)
    assert arrays["has_fparam"].tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert arrays["fparam"].shape == (7, 2)


def test_parameters_of_different_width_are_of_no_model(tmp_path):
    """Only a model without parameters accepts such data together; it is fed none."""
    systems = [load(tmp_path / str(types), types=types, labels=("fparam",)) for types in ((0, 1), (1,))]
    first, second = (system.frames([0]) for system in systems)
    arrays = feed([first, type(second)(**vars(second) | {"fparam": second.fparam[:, :1]})])
    assert arrays["fparam"].shape == (2, 0)
    assert arrays["has_fparam"].tolist() == [0, 0]


def test_one_parameter_is_a_column(tmp_path):
    system = load(tmp_path / "s", labels=("fparam", "aparam"))
    batch = system.frames([0, 1])
    arrays = feed([type(batch)(**vars(batch) | {"fparam": batch.fparam[:, :1], "aparam": batch.aparam[..., :1]})])
    assert arrays["fparam"].shape == (2, 1)
    assert arrays["aparam"].shape == (6, 1)
