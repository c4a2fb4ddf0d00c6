"""Every system is found once, whatever links there are; one that is listed again is pointed out."""

from __future__ import annotations

import logging
import os
import shutil

import h5py
import pytest

from deepmd_tf.data import load_systems

from .conftest import TYPE_MAP, write_system


@pytest.fixture
def tree(tmp_path):
    write_system(tmp_path / "tree/b/one")
    write_system(tmp_path / "tree/c")
    return tmp_path / "tree"


def found_in(tree):
    return [system.path.removeprefix(f"{tree}/") for system in load_systems(str(tree), TYPE_MAP)]


@pytest.mark.parametrize(
    "links",
    [
        {"loop": "."},
        {"loop": ".", "b/again": ".."},
        {"b/loop": "../b", "b/one/up": "../.."},
        {"a": "c", "b/a": "one"},
        {"gone": "nowhere", "gone_round": "gone_round"},
    ],
    ids=["loop", "two loops", "loops below", "other names", "broken"],
)
def test_links_in_the_tree_add_nothing(tree, links):
    for name, target in links.items():
        (tree / name).symlink_to(target)
    assert found_in(tree) == ["b/one", "c"]


def test_links_out_of_the_tree_are_followed(tree, tmp_path):
    shutil.move(tree / "c", tmp_path / "elsewhere")
    for name in ("linked", "linked_again"):
        (tree / name).symlink_to(tmp_path)
    assert found_in(tree) == ["b/one", "linked/elsewhere"]


def test_the_root_may_be_a_link(tree, tmp_path):
    (tmp_path / "name").symlink_to("tree")
    assert found_in(tmp_path / "name") == ["b/one", "c"]


def test_a_system_that_is_listed_again_is_named(tree, tmp_path, caplog):
    (tmp_path / "name").symlink_to("tree/c")
    places = [f"{tree}/c", str(tree), f"{tmp_path}/name", f"{tree}/c"]
    found = [system.path for system in load_systems(places, TYPE_MAP)]
    assert found == [f"{tree}/c", f"{tree}/b/one", f"{tree}/c", f"{tmp_path}/name", f"{tree}/c"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{tree}/c is listed more than once" in record.message
    assert "2 more such systems" in record.message


def test_other_names_of_a_file_are_told_apart_by_group(tree, tmp_path, caplog):
    with h5py.File(tmp_path / "data.hdf5", "w") as file:
        for group in ("x", "y"):
            file[f"{group}/type.raw"], file[f"{group}/nopbc"] = [0], 0
            file[f"{group}/set.000/coord.npy"] = [[0.0, 0.0, 0.0]]
    (tmp_path / "other.hdf5").symlink_to("data.hdf5")
    load_systems([f"{tmp_path}/data.hdf5", f"{tree}/c"], TYPE_MAP)
    assert not caplog.records
    load_systems([f"{tmp_path}/data.hdf5#x", f"{tmp_path}/other.hdf5#/x/"], TYPE_MAP)
    (record,) = caplog.records
    assert f"{tmp_path}/other.hdf5#/x is listed more than once (as {tmp_path}/data.hdf5#/x)" in record.message


def test_a_directory_that_cannot_be_searched_is_named(tree, caplog, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found_in(tree) == ["c"]
    assert f"{tree}/b: cannot be searched for systems: Permission denied" in caplog.text
