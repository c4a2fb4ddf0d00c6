"""Training from Python: one class prepares and trains, observed by callbacks."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from deepmd_tf import DeepPot, InputError, Run, freeze, load_config, parse_config
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.train import Callback, Interruption, Reporter

from ..runs import INPUT, changed, contents, dp, stored_state, write_data, write_input

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


class Recorder(Callback):
    """Records every call; stops the run at a step."""

    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def on_begin(self, beginning):
        self.calls.append(("begin", beginning.step))

    def on_step(self, step):
        self.calls.append(("step", step))

    def on_display(self, display):
        self.calls.append(("display", display.step))
        self.display = display
        return display.step == self.stop_at

    def on_save(self, step, checkpoint):
        assert StoredCheckpoint(checkpoint).step == step
        self.calls.append(("save", step, checkpoint.name))

    def on_end(self, result):
        self.calls.append(("end", result.step))

    def close(self):
        self.calls.append(("close",))


def test_every_form_of_configuration_is_the_run_of_the_command(place):
    path = write_input(place)
    assert dp("train", str(path)).status == 0
    expected = stored_state("model.ckpt-4")
    forms = [Run.prepare(form) for form in (INPUT, path, str(path), parse_config(INPUT), load_config(path))]
    for run in forms[1:]:
        assert run.config == forms[0].config
    result = forms[0].train()
    assert result.checkpoint == Path("model.ckpt-4")
    assert stored_state(result.checkpoint) == expected


def test_callbacks_are_called_in_order(place):
    recorder = Recorder()
    result = Run.prepare(INPUT).train([recorder])
    saves = [call for call in recorder.calls if call[0] == "save" and call[2] != "model.ckpt-best"]
    assert saves == [("save", 2, "model.ckpt-2"), ("save", 4, "model.ckpt-4")]
    assert ("save", 2, "model.ckpt-best") in recorder.calls
    others = [call for call in recorder.calls if call[0] != "save"]
    steps = [("step", 1), ("step", 2), ("display", 2), ("step", 3), ("step", 4), ("display", 4)]
    assert others == [("begin", 0), *steps, ("end", 4), ("close",)]
    assert recorder.calls.index(("display", 2)) < recorder.calls.index(("save", 2, "model.ckpt-2"))
    assert (result.step, result.last_step, result.interrupted) == (4, 4, False)
    last = np.loadtxt("lcurve.out")[-1]
    display = recorder.display
    written = [display.step, *(e[key] for key in display.training for e in (display.validation, display.training))]
    np.testing.assert_allclose([*written, display.learning_rate], last, rtol=1e-4)
    assert result.best_score <= display.validation["rmse_f"]
    assert result.best == Path("model.ckpt-best")


def test_a_callback_can_stop_the_run_and_restart_continues_it(place):
    config = changed(INPUT, {"training.numb_steps": 6})
    whole = stored_state(Run.prepare(config).train().checkpoint)
    recorder = Recorder(stop_at=4)
    result = Run.prepare(config).train([recorder])
    assert (result.step, result.interrupted, result.checkpoint.name) == (4, True, "model.ckpt-4")
    run = Run.prepare(config, restart=result.checkpoint)
    assert run.step == 4
    assert stored_state(run.train().checkpoint) == whole


def test_an_exception_of_a_callback_keeps_checkpoints_and_closes(place):
    class Failing(Recorder):
        def on_step(self, step):
            if step == 3:
                raise RuntimeError("no")

    failing = Failing()
    with pytest.raises(RuntimeError, match="no"):
        Run.prepare(INPUT).train([failing])
    assert failing.calls[-1] == ("close",)
    assert ("end", 4) not in failing.calls
    assert StoredCheckpoint("model.ckpt").step == 2


def test_epochs(place, logged):
    """data_0 has two batches of two frames, data_1 one; systems are drawn by their batches."""
    config = changed(INPUT, {"training.numb_steps": ..., "training.numb_epoch": 1.5})
    run = Run.prepare(config)
    assert (run.config.training.numb_steps, run.config.training.numb_epoch) == (5, None)
    assert any("1.5 epochs of 3 steps are 5 steps" in line for line in logged)
    assert run.train().step == 5
    warm = changed(config, {"learning_rate.warmup_steps": 5})
    with pytest.raises(InputError, match=r"learning_rate\.warmup_steps: .* the run of 5 steps, got 5 steps"):
        Run.prepare(warm)


def test_warm_up_and_clipping(place):
    """The first step of a warm-up from 0 changes nothing; clipping reaches the optimizer."""
    changes = {"training.gradient_max_norm": 1e-12, "learning_rate.warmup_steps": 2}
    run = Run.prepare(changed(INPUT, changes))
    start, seen = run.parameters(), []

    class Watching(Callback):
        def on_step(self, step):
            seen.append(run.parameters())

    run.train([Watching()])
    for name, value in start.items():
        np.testing.assert_array_equal(seen[0][name], value)
    moved = [np.abs(seen[1][name] - value).max() for name, value in start.items()]
    assert 0 < max(moved) < 1e-5 < run.config.learning_rate.start_lr / 2  # Adam's epsilon exceeds the gradient


def test_preparing_changes_no_file(place):
    Run.prepare(INPUT).train()
    before = contents(place)
    run = Run.prepare(INPUT)
    assert contents(place) == before
    assert run.step == 0
    assert run.config.training.seed == 10


def test_no_signal_handler_is_installed_unless_asked_for(place):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    seen = []

    class Watching(Callback):
        def on_step(self, step):
            seen.append([signal.getsignal(number) for number in numbers])

    Run.prepare(INPUT).train([Watching()])
    assert seen == [before] * 4
    with Interruption() as interruption:

        class Signalling(Callback):
            def on_step(self, step):
                signal.raise_signal(signal.SIGTERM)

        result = Run.prepare(INPUT).train([Signalling()], interruption=interruption)
    assert (result.step, result.interrupted) == (1, True)
    assert [signal.getsignal(number) for number in numbers] == before


def test_parameters_are_those_of_the_checkpoint(place):
    run = Run.prepare(INPUT)
    fresh = run.parameters()
    stored = StoredCheckpoint(run.train().checkpoint).values()
    assert set(fresh) == set(stored)
    for name, value in run.parameters().items():
        np.testing.assert_array_equal(value, stored[name])
    assert any((fresh[name] != stored[name]).any() for name in fresh)


def test_a_run_begins_with_a_checkpoint_or_a_graph(place):
    result = Run.prepare(INPUT).train()
    freeze(result.checkpoint, "graph.pb")
    beginnings = [("init_frz_model", "graph.pb"), ("finetune", "graph.pb")]
    for source in ("model.ckpt", "model.ckpt-4"):
        beginnings += [("init_model", source), ("finetune", source)]
    for argument, source in beginnings:
        run = Run.prepare(changed(INPUT, {"training.save_ckpt": "new"}), **{argument: source})
        assert run.step == 0
        parameters = run.parameters()
        for name, value in StoredCheckpoint("model.ckpt").values().items():
            if name != "fitting_attr/t_bias_atom_e" or argument != "finetune":
                np.testing.assert_array_equal(parameters[name], value, err_msg=f"{argument} {source} {name}")


def test_two_models_to_begin_with_are_refused(place):
    with pytest.raises(InputError, match="restart and finetune: a run begins with one model"):
        Run.prepare(INPUT, restart="a", finetune="b")


def test_bad_input_raises_what_the_command_prints(place):
    table = changed(INPUT, {"training.training_data.systems": ["nowhere"]})
    path = write_input(place, {"training.training_data.systems": ["nowhere"]})
    with pytest.raises(InputError) as caught:
        Run.prepare(table)
    assert str(caught.value) == dp("train", str(path)).message.strip()


def test_the_reporter_shows_a_summary(place, capsys):
    Run.prepare(INPUT).train([Reporter()])
    assert "Summary" in capsys.readouterr().err


def test_the_example_trains_freezes_and_evaluates(tmp_path, monkeypatch, capsys):
    """The script of the documentation, on few small steps."""
    water = ROOT / "examples" / "water"
    script = (water / "train.py").read_text()
    document = (ROOT / "docs" / "python.md").read_text()
    (block, *others) = re.findall(r"^```python\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert script.endswith(block)
    table = json.loads((water / "se_e2_a_tebd" / "input.json").read_text())
    table["training"].update(numb_steps=2, disp_freq=1, save_freq=2)
    table["model"]["descriptor"]["neuron"], table["model"]["fitting_net"]["neuron"] = [8, 16], [8]
    (tmp_path / "run").mkdir()
    for k in range(4):
        shutil.copytree(water / f"data_{k}", tmp_path / f"data_{k}")
    (tmp_path / "run" / "input.json").write_text(json.dumps(table))
    monkeypatch.chdir(tmp_path / "run")
    runpy.run_path(str(water / "train.py"))
    energy, error = re.search(r"energy (\S+) eV, force RMSE (\S+) eV/Å", capsys.readouterr().out).groups()
    coord, box = (np.load(f"../data_3/set.000/{name}.npy")[:1] for name in ("coord", "box"))
    types = np.loadtxt("../data_3/type.raw", dtype=int)
    assert float(energy) == pytest.approx(DeepPot("graph.pb").eval(coord, box, types)[0].item(), abs=1e-3)
    assert 0 < float(error) < 10
    names = {"Run": Run}
    for other in others:
        exec(compile(other, "python.md", "exec"), names)
