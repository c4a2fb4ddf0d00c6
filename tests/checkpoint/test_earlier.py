"""The files of an earlier run: nothing of them is lost, whichever run goes on, and whenever a move is killed."""

from __future__ import annotations

import logging
import os
import shutil

import pytest

from deepmd_tf.checkpoint.earlier import bring_back, set_aside
from deepmd_tf.checkpoint.places import find_checkpoint
from deepmd_tf.errors import InputError

from ..checkpoints import Run, names, value_of
from ..kills import watched
from ..runs import contents

CURVE = "#  step  rmse_trn\n     2    1.0\n"
OF_RUN = {"model.ckpt-2", "model.ckpt-4", "model.ckpt-best", "checkpoint", "lcurve.out"}


def begin(place, offset=0.0, curve="lcurve.out"):
    """A run of four steps, whose parameter is the step and an offset."""
    run = Run(place)
    for step in (2, 4):
        run.save(step, value=step + offset)
    run.save(4, value=4 + offset, label="best")
    (place / curve).write_text(CURVE + f"# {offset}\n")
    return {name: data for name, data in contents(place).items() if "-earlier-" not in name}


@pytest.fixture
def before(tmp_path):
    """What a run has left, beside files that are none of it."""
    begin(tmp_path)
    Run(tmp_path, prefix="model.ckpt-x").save(7)
    Run(tmp_path).save(9, label="bias")
    (tmp_path / "checkpoint").write_text("model.ckpt-4\n")
    (tmp_path / "model.ckpt-3.txt").write_text("notes")
    return contents(tmp_path)


def aside(place):
    return set_aside(place / "model.ckpt", place / "lcurve.out")


def back(place, checkpoint):
    bring_back(place / "model.ckpt", place / "lcurve.out", find_checkpoint(checkpoint))


def test_what_belongs_to_the_run_and_nothing_else_is_moved_and_said(tmp_path, before, caplog):
    with caplog.at_level(logging.WARNING, "deepmd_tf"):
        folder = aside(tmp_path)
    assert folder == tmp_path / "model.ckpt-earlier-1"
    assert names(folder) == OF_RUN
    moved = {name: data for name, data in before.items() if name.split("/")[0] in OF_RUN}
    assert contents(folder) == moved
    rest = {name: data for name, data in contents(tmp_path).items() if not name.startswith("model.ckpt-earlier-1/")}
    assert rest == {name: data for name, data in before.items() if name not in moved}
    (line,) = caplog.messages
    assert "an earlier run was here" in line
    assert f"are in {folder} now; to continue it instead: --restart {folder}/model.ckpt" in line
    assert value_of(folder / "model.ckpt") == 4


def test_where_no_run_was_nothing_happens(tmp_path):
    (tmp_path / "lcurve.out").write_text("# step\n# notes\n\n")
    (tmp_path / "checkpoint").write_text("model.ckpt-4\n")
    found = contents(tmp_path)
    assert aside(tmp_path) is None
    assert contents(tmp_path) == found
    assert names(tmp_path) == {"lcurve.out", "checkpoint"}


@pytest.mark.parametrize(
    ("name", "text"), [("lcurve.out", CURVE), ("lcurve.out", "thesis"), ("checkpoint", 'path: "/model.ckpt-1"\n')]
)
def test_a_single_file_is_moved_as_well(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    folder = aside(tmp_path)
    assert (folder / name).read_text() == text
    assert names(tmp_path) == {folder.name}


def test_what_is_damaged_or_no_checkpoint_is_kept_too(tmp_path):
    begin(tmp_path)
    (tmp_path / "model.ckpt-4" / "manifest.json").unlink()
    (tmp_path / "model.ckpt-6").write_text("a file")
    found = contents(tmp_path)
    assert contents(aside(tmp_path)) == found


def test_the_pointer_of_another_run_stays(tmp_path):
    begin(tmp_path)
    Run(tmp_path, prefix="other").save(1)
    aside(tmp_path)
    assert (tmp_path / "checkpoint").read_text() == "other-1\n"
    assert value_of(tmp_path) == 1


def test_every_run_has_a_folder_of_its_own_and_any_goes_on(tmp_path):
    states = [begin(tmp_path, 0.25)]
    assert aside(tmp_path).name == "model.ckpt-earlier-1"
    states.append(begin(tmp_path, 0.5))
    assert aside(tmp_path).name == "model.ckpt-earlier-2"
    states.append(begin(tmp_path, 0.75))
    back(tmp_path, tmp_path / "model.ckpt-earlier-1" / "model.ckpt")
    assert value_of(tmp_path / "model.ckpt") == 4.25
    assert not (tmp_path / "model.ckpt-earlier-1").exists()
    for place, state in zip(("model.ckpt-earlier-2", "model.ckpt-earlier-3"), states[1:], strict=True):
        assert contents(tmp_path / place) == state
    for place in ("model.ckpt-earlier-2", "model.ckpt-earlier-3"):
        shutil.rmtree(tmp_path / place)
    assert contents(tmp_path) == states[0]


def test_restarting_in_place_moves_nothing(tmp_path, before):
    aside(tmp_path)
    begin(tmp_path, 0.5)
    found = contents(tmp_path)
    for checkpoint in (tmp_path / "model.ckpt", tmp_path / "model.ckpt-bias", tmp_path / "model.ckpt-x-7"):
        back(tmp_path, checkpoint)
        assert contents(tmp_path) == found


def test_a_learning_curve_elsewhere_is_moved_in_its_own_directory(tmp_path):
    here, there = tmp_path / "runs", tmp_path / "curves"
    there.mkdir()
    begin(here)
    (there / "l.out").write_text(CURVE)
    (there / "l.out-earlier-1").write_text("of another prefix")
    folder = set_aside(here / "model.ckpt", there / "l.out")
    assert (folder.name, names(there)) == ("model.ckpt-earlier-2", {"l.out-earlier-1", "l.out-earlier-2"})
    bring_back(here / "model.ckpt", there / "l.out", find_checkpoint(folder / "model.ckpt"))
    assert names(there) == {"l.out-earlier-1", "l.out"}
    assert names(here) == OF_RUN


def test_what_cannot_be_moved_is_one_message(tmp_path, monkeypatch, before):
    def refuse(*arguments):
        raise OSError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        with pytest.raises(InputError, match=r"training\.save_ckpt: the files of an earlier run, .*Permission denied"):
            aside(tmp_path)
    assert contents(aside(tmp_path)) == {name: before[name] for name in before if name.split("/")[0] in OF_RUN}


def latest(place):
    """The checkpoint that a user finds, in place or where the run was moved."""
    for where in (place / "model.ckpt", *sorted(place.glob("model.ckpt-earlier-*/model.ckpt*"))):
        try:
            return find_checkpoint(where.with_name("model.ckpt"))
        except InputError:
            continue
    raise AssertionError("both places lack the newest checkpoint")


def killed(place, template, fatal, moves) -> int:
    """Copy a directory and kill what moves its files before an operation; how many there were."""
    shutil.copytree(template, place)
    with watched(place, fatal) as operations:
        moves(place)
    return operations.count


@pytest.mark.parametrize("then", ["restarts", "begins anew"])
def test_a_move_killed_at_any_operation_loses_nothing(tmp_path, then):
    """Who restarts has the run as it was in its place; who begins anew has it in one folder."""
    template = tmp_path / "template"
    state = begin(template)
    total = killed(tmp_path / "counted", template, float("inf"), aside)
    assert total > 12
    for fatal in range(1, total + 1):
        place = tmp_path / f"kill_{fatal}"
        killed(place, template, fatal, aside)
        newest = latest(place)
        assert newest.name == "model.ckpt-4"
        if then == "restarts":
            back(place, newest)
            assert contents(place) == state
        else:
            folder = aside(place) or place / "model.ckpt-earlier-1"
            assert names(place) == {folder.name}
            assert contents(folder) == state


def test_two_runs_that_change_places_survive_a_kill_at_any_operation(tmp_path):
    template = tmp_path / "template"
    states = [begin(template, 0.25)]
    aside(template)
    states.append(begin(template, 0.5))

    def change(place):
        back(place, place / "model.ckpt-earlier-1" / "model.ckpt")

    total = killed(tmp_path / "counted", template, float("inf"), change)
    for fatal in range(1, total + 1):
        place = tmp_path / f"kill_{fatal}"
        killed(place, template, fatal, change)
        back(place, latest(place))
        folders = [place, *place.glob("model.ckpt-earlier-*")]
        found = [{n: d for n, d in contents(folder).items() if "-earlier-" not in n} for folder in folders]
        assert all(state in found for state in states), f"killed at {fatal}"
