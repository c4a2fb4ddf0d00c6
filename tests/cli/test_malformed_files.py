"""Graphs, checkpoints, outputs and options that cannot be used."""

from __future__ import annotations

import json
import shutil

import pytest
import tensorflow as tf

from ..models import graph_file
from ..runs import dp, write_input
from .conftest import LONG
from .refusals import refused

COMMANDS = {
    "test": lambda pb: ["test", "-m", pb, "-s", "data_0", "--plot", "p.png"],
    "show": lambda pb: ["show", pb],
    "compress": lambda pb: ["compress", "-i", pb, "-o", "small.pb"],
    "train": lambda pb: ["train", "input.json", "--init-frz-model", pb],
    "model-devi": lambda pb: ["model-devi", "-m", "graph.pb", pb, "-s", "data_0"],
}


def foreign(tmp):
    with tf.Graph().as_default() as graph:
        tf.io.write_file(tf.constant("pwned"), tf.constant("x"))
        return graph.as_graph_def().SerializeToString()


def another_model(tmp):
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.float32, [None], "x")
        return graph.as_graph_def().SerializeToString()


GRAPHS = {
    "garbage": (lambda good: b"\xff\x00garbage" * 10, ["bad.pb", "not a frozen graph", "90 bytes"]),
    "text": (lambda good: b'{"model": 1}', ["bad.pb", "not a frozen graph"]),
    "empty": (lambda good: b"", ["bad.pb", "t_coord"]),
    "cut off": (lambda good: good[: len(good) // 2], ["bad.pb", "not a frozen graph"]),
    "operation that writes files": (foreign, ["bad.pb", "refused", "WriteFile"]),
    "graph of something else": (another_model, ["bad.pb", "not the graph of an energy model", "t_coord"]),
}


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph(finished, kind):
    make, words = GRAPHS[kind]
    (finished / "bad.pb").write_bytes(make((finished / "graph.pb").read_bytes()))
    for arguments in COMMANDS.values():
        refused(finished, arguments("bad.pb"), words)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_graph(finished, command):
    refused(finished, COMMANDS[command]("missing.pb"), ["missing.pb", "No such file"])
    refused(finished, COMMANDS[command]("data_0"), ["data_0", "Is a directory"])


def test_a_graph_of_other_species(finished):
    (finished / "data_0" / "type_map.raw").write_text("Cu O\n")
    refused(finished, COMMANDS["test"]("graph.pb"), ["type_map.raw", "'Cu'", "['O', 'H']"])


def test_graphs_that_cannot_be_compared(finished):
    shutil.copy(graph_file("three_types"), "other.pb")
    words = ["other.pb", "expected a model of O H as graph.pb", "O C H"]
    refused(finished, ["model-devi", "-m", "graph.pb", "other.pb", "-s", "data_0"], words)


def test_model_deviation_from_forces_that_are_not_there(finished):
    (finished / "data_0" / "set.000" / "force.npy").unlink()
    refused(finished, [*COMMANDS["model-devi"]("graph.pb"), "--real_error"], ["data_0", "force.npy", "found none"])


class TestCheckpoint:
    OPTIONS = (
        ["train", "input.json", "--restart"],
        ["train", "input.json", "--init-model"],
        ["freeze", "-o", "graph.pb", "-c"],
    )

    @pytest.mark.parametrize("arguments", OPTIONS)
    @pytest.mark.parametrize("place", ["missing", "model.ckpt-3", "data_0", "graph.pb", "missing/model.ckpt"])
    def test_missing(self, finished, arguments, place):
        refused(finished, [*arguments, place], [place, "no checkpoint found", "model.ckpt-1000"])

    @pytest.mark.parametrize("arguments", OPTIONS)
    def test_damaged(self, finished, arguments):
        file = finished / "model.ckpt-6" / "state.data-00000-of-00001"
        content = bytearray(file.read_bytes())
        content[100] ^= 1
        file.write_bytes(content)
        words = ["model.ckpt-6/state.data-00000-of-00001", "missing or damaged", "older checkpoint"]
        refused(finished, [*arguments, "model.ckpt"], words)

    @pytest.mark.parametrize("arguments", OPTIONS)
    def test_half_removed(self, finished, arguments):
        (finished / "model.ckpt-6" / "config.json").unlink()
        refused(finished, [*arguments, "."], ["config.json", "missing or damaged"])

    def test_of_another_type_map(self, finished):
        write_input(finished, LONG | {"model.type_map": ["O", "H", "Na"], "model.descriptor.sel": [6, 6, 2]})
        words = ["model.type_map", "['O', 'H', 'Na']", "model.ckpt-6", "['O', 'H']"]
        refused(finished, ["train", "input.json", "--restart", "model.ckpt"], words)

    def test_of_another_network(self, finished):
        write_input(finished, LONG | {"model.fitting_net.neuron": [8, 8]})
        words = ["layer_0/matrix", "expected shape", "same networks"]
        refused(finished, ["train", "input.json", "--restart", "model.ckpt"], words)

    def test_of_another_precision(self, finished):
        write_input(finished, LONG | {"model.fitting_net.precision": "float32"})
        refused(
            finished, ["train", "input.json", "--restart", "model.ckpt"], ["model.ckpt-6", "does not fit the model"]
        )


UNWRITABLE = {
    "learning curve in no directory": (
        {"training.disp_file": "no/lcurve.out"},
        ["training.disp_file", "no/lcurve.out"],
    ),
    "learning curve below a file": ({"training.disp_file": "graph.pb/x"}, ["training.disp_file", "graph.pb/x"]),
    "learning curve is a directory": ({"training.disp_file": "data_0"}, ["training.disp_file", "data_0", "directory"]),
    "checkpoints below a file": ({"training.save_ckpt": "graph.pb/model.ckpt"}, ["training.save_ckpt", "graph.pb"]),
    "events below a file": (
        {"training.tensorboard": True, "training.tensorboard_log_dir": "graph.pb/log"},
        ["training.tensorboard_log_dir", "graph.pb/log"],
    ),
}


@pytest.mark.parametrize("kind", UNWRITABLE)
def test_outputs_of_training(finished, kind):
    changes, words = UNWRITABLE[kind]
    write_input(finished, changes)
    refused(finished, ["train", "input.json"], ["cannot write", *words])
    refused(finished, ["train", "input.json", "--restart", "model.ckpt-4"], ["cannot write", *words])


@pytest.mark.parametrize("target", ["no/out", "graph.pb/out", "data_0"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "input.json", "--output"],
        ["freeze", "-c", "model.ckpt", "-o"],
        ["plot-lcurve", "lcurve.out", "-o"],
        ["test", "-s", "data_0", "--plot"],
        ["model-devi", "-m", "graph.pb", "graph.pb", "-s", "data_0", "-o"],
    ],
    ids=" ".join,
)
def test_outputs_of_commands(finished, arguments, target):
    refused(finished, [*arguments, target], ["cannot write", target])


@pytest.mark.parametrize("target", ["no/detail", "graph.pb/detail"])
def test_detail_files(finished, target):
    refused(finished, ["test", "-s", "data_0", "-d", target], ["--detail-file", "cannot write", target])


@pytest.mark.parametrize(
    "arguments", [["plot-lcurve", "-o", "plot.xyz"], ["test", "-s", "data_0", "--plot", "plot.xyz"]]
)
def test_a_format_of_plots_that_there_is_not(finished, arguments):
    (finished / "plot.xyz").write_text("kept")
    refused(finished, arguments, ["plot.xyz", "'xyz' is not supported", "png"])


LCURVES = {
    "missing": (None, ["bad.out", "No such file"]),
    "empty": (b"", ["bad.out", "expected a first line"]),
    "no lines": (b"# step rmse_e_trn lr\n", ["bad.out", "no lines of numbers"]),
    "words": (b"# step rmse_e_trn lr\n1 a b\n", ["bad.out:2", "expected numbers", "'1 a b'"]),
    "columns": (b"# step rmse_e_trn lr\n1 2\n", ["bad.out:2", "expected 3 columns", "got 2"]),
    "nothing to plot": (b"# step a b\n1 2 3\n", ["rmse_e"]),
    "no numbers to plot": (b"# step rmse_e_trn lr\n1 nan 3\n2 0 3\n", ["number above 0", "rmse_e"]),
}


@pytest.mark.parametrize("kind", LCURVES)
def test_a_learning_curve(finished, kind):
    content, words = LCURVES[kind]
    if content is not None:
        (finished / "bad.out").write_bytes(content)
    refused(finished, ["plot-lcurve", "bad.out"], words)


OPTIONS = {
    "no command": ([], ["COMMAND"]),
    "unknown command": (["tarin"], ["tarin", "train"]),
    "unknown option": (["train", "input.json", "--restrat", "x"], ["--restrat"]),
    "no input": (["train"], ["INPUT"]),
    "two starts": (["train", "input.json", "--restart", "a", "--init-model", "b"], ["--init-model", "--restart"]),
    "log level": (["train", "input.json", "-v", "LOUD"], ["--log-level", "DEBUG, INFO", "'LOUD'"]),
    "one model": (["model-devi", "-m", "graph.pb", "-s", "data_0"], ["--models", "at least two", "--real_error"]),
    "no model": (["model-devi", "-s", "data_0"], ["--models"]),
    "no steps": (["model-devi", "-m", "a.pb", "b.pb", "-f", "0"], ["--frequency", "positive number of steps", "'0'"]),
    "no level": (["model-devi", "-m", "a.pb", "--relative", "0"], ["--relative", "positive number", "'0'"]),
    "level of words": (
        ["model-devi", "-m", "a.pb", "--relative_v", "much"],
        ["--relative_v", "positive number", "'much'"],
    ),
    "negative frames": (["test", "-s", "data_0", "-n", "-3"], ["--numb-test", "number of frames", "'-3'"]),
    "half a frame": (["test", "-s", "data_0", "-n", "1.5"], ["--numb-test", "number of frames", "'1.5'"]),
    "no system": (["test", "-m", "graph.pb"], ["--system"]),
    "zero cutoff": (["neighbor-stat", "-s", "data_0", "-r", "0", "-t", "O", "H"], ["--rcut", "positive", "'0'"]),
    "negative cutoff": (["neighbor-stat", "-s", "data_0", "-r", "-1", "-t", "O", "H"], ["--rcut", "positive", "'-1'"]),
    "cutoff of words": (["neighbor-stat", "-s", "data_0", "-r", "six", "-t", "O", "H"], ["--rcut", "Å", "'six'"]),
    "no types": (["neighbor-stat", "-s", "data_0", "-r", "4"], ["--type-map"]),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options(finished, kind):
    arguments, words = OPTIONS[kind]
    refused(finished, arguments, words)


@pytest.mark.parametrize("names", [["O", "H", "H"], ["O", "H", ""]])
def test_type_maps(finished, names):
    refused(finished, ["neighbor-stat", "-s", "data_0", "-r", "4", "-t", *names], ["--type-map", "different names"])


def test_types_that_the_data_do_not_have(finished):
    refused(finished, ["neighbor-stat", "-s", "data_0", "-r", "4", "-t", "O"], ["'H'", "['O']"])


def test_an_error_of_the_system_is_one_message(finished, monkeypatch):
    def refuse(*arguments, **keywords):
        raise OSError(28, "No space left on device", "lcurve.out")

    shutil.rmtree(finished / "model.ckpt-6")
    monkeypatch.setattr("deepmd_tf.train.outputs.LearningCurve.write", refuse)
    result = dp("train", "input.json", "--restart", "model.ckpt-4")
    assert result.status == 2
    assert "No space left on device" in result.message
    assert len(result.message.splitlines()) == 1
    assert "Traceback" not in result.err


def test_a_stored_input_that_is_damaged(finished):
    graph = tf.compat.v1.GraphDef.FromString((finished / "graph.pb").read_bytes())
    for node in graph.node:
        if node.name == "train_attr/training_script":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(json.dumps({})[:-1]))
    (finished / "bad.pb").write_bytes(graph.SerializeToString())
    for arguments in (["show", "bad.pb", "--input"], ["show", "bad.pb"]):
        refused(finished, arguments, ["bad.pb", "train_attr/training_script"])
