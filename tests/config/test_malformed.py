"""Every malformed input is one `InputError` that names the key, what was expected and what was found."""

from __future__ import annotations

import json

import pytest

from deepmd_tf.config import load_config, parse_config
from deepmd_tf.errors import InputError

# path of the key, its bad value, words that the message must have
VALUES = {
    "string for number": ("model.descriptor.rcut", "six", ["model.descriptor.rcut", "expected a number", "'six'"]),
    "number for string": ("training.disp_file", 3, ["training.disp_file", "expected a string", "3"]),
    "boolean for integer": ("model.descriptor.axis_neuron", True, ["axis_neuron", "expected an integer", "true"]),
    "fraction for integer": ("training.numb_steps", 10.5, ["training.numb_steps", "expected an integer", "10.5"]),
    "string for boolean": ("model.descriptor.type_one_side", "yes", ["type_one_side", "true or false", "'yes'"]),
    "number for list": ("model.fitting_net.neuron", 240, ["fitting_net.neuron", "a list of integers", "240"]),
    "string in list": ("model.type_embedding.neuron", [2, "4"], ["type_embedding.neuron", "a list of integers"]),
    "null for list": ("model.type_map", None, ["model.type_map", "a list of strings", "null"]),
    "list for section": ("model.descriptor", [], ["model.descriptor", "table of keys", "[]"]),
    "string for section": ("training.training_data", "data", ["training.training_data", "table of keys", "'data'"]),
    "number for model": ("model", 1, ["model", "table of keys", "1"]),
    "unknown key": ("model.descriptor.rcut_smooth", 0.5, ["model.descriptor.rcut_smooth", "did you mean 'rcut_smth'?"]),
    "unknown key at the top": ("trainnig", {}, ["trainnig", "unknown key", "did you mean 'training'?"]),
    "unknown key in case": ("model.descriptor.RCUT", 6.0, ["RCUT", "did you mean 'rcut'?"]),
    "unknown key unlike any": ("loss.xyzzy", 0, ["loss.xyzzy", "unknown key"]),
    "alias twice": ("training.stop_batch", 10, ["training.stop_batch", "numb_steps", "remove one"]),
    "key of another type": (
        "learning_rate",
        {"type": "cosine", "decay_steps": 10},
        ["learning_rate.decay_steps", "exp", "remove the key"],
    ),
    "rcut_smth above rcut": ("model.descriptor.rcut_smth", 7.0, ["descriptor.rcut_smth", "rcut = 6", "7"]),
    "rcut zero": ("model.descriptor.rcut", 0, ["model.descriptor.rcut", "positive", "0"]),
    "rcut_smth negative": ("model.descriptor.rcut_smth", -0.5, ["rcut_smth", "not negative", "-0.5"]),
    "sel negative": ("model.descriptor.sel", [46, -1], ["model.descriptor.sel", "not negative", "-1"]),
    "sel too short": ("model.descriptor.sel", [46], ["model.descriptor.sel", "2 integers", "type_map", "got 1"]),
    "sel all zero": ("model.descriptor.sel", [0, 0], ["model.descriptor.sel", "at least one neighbor", "[0, 0]"]),
    "sel word": ("model.descriptor.sel", "automatic", ["model.descriptor.sel", "'auto:factor'", "'automatic'"]),
    "sel factor": ("model.descriptor.sel", "auto:0.5", ["model.descriptor.sel", "factor", "'auto:0.5'"]),
    "axis_neuron too large": ("model.descriptor.axis_neuron", 101, ["axis_neuron", "100", "101"]),
    "neuron zero": ("model.descriptor.neuron", [25, 0], ["model.descriptor.neuron", "positive", "0"]),
    "neuron empty": ("model.type_embedding.neuron", [], ["model.type_embedding.neuron", "at least one layer"]),
    "activation": ("model.descriptor.activation_function", "tahn", ["one of tanh", "did you mean 'tanh'?"]),
    "precision": ("model.fitting_net.precision", "float16", ["fitting_net.precision", "float64, float32", "'float16'"]),
    "exclude_types index": ("model.descriptor.exclude_types", [[0, 2]], ["exclude_types", "0 to 1", "[0, 2]"]),
    "exclude_types triple": ("model.descriptor.exclude_types", [[0, 1, 1]], ["exclude_types", "pairs", "[0, 1, 1]"]),
    "exclude_types flat": ("model.descriptor.exclude_types", [0, 1], ["exclude_types", "list of lists of integers"]),
    "type_map twice": ("model.type_map", ["O", "O"], ["model.type_map", "'O' more than once"]),
    "type_map empty": ("model.type_map", [], ["model.type_map", "at least one species"]),
    "type_map blank": ("model.type_map", ["O", ""], ["model.type_map", "not empty"]),
    "type_map two words": ("model.type_map", ["O", "H 1"], ["model.type_map", "without blanks", "'H 1'"]),
    "atom_ener length": ("model.fitting_net.atom_ener", [1.0], ["atom_ener", "2 entries", "got 1"]),
    "trainable length": ("model.fitting_net.trainable", [True], ["fitting_net.trainable", "4 entries", "got 1"]),
    "numb_fparam negative": ("model.fitting_net.numb_fparam", -1, ["numb_fparam", "not negative", "-1"]),
    "descriptor type unknown": ("model.descriptor.type", "se_e2", ["model.descriptor.type", "did you mean 'se_e2_"]),
    "descriptor type null": ("model.descriptor.type", None, ["model.descriptor.type", "se_e2_a", "null"]),
    "numb_steps zero": ("training.numb_steps", 0, ["training.numb_steps", "positive", "0"]),
    "steps and epochs": ("training.numb_epoch", 2.5, ["training.numb_epoch", "numb_steps is also given"]),
    "stop_lr twice": ("learning_rate.stop_lr_ratio", 0.1, ["learning_rate.stop_lr_ratio", "stop_lr is also given"]),
    "stop_lr_ratio": ("learning_rate.stop_lr_ratio", 1.1, ["learning_rate.stop_lr_ratio", "at most 1", "1.1"]),
    "warm-up as long as the run": (
        "learning_rate.warmup_steps",
        1000000,
        ["learning_rate.warmup_steps", "shorter than the run of 1000000 steps", "got 1000000"],
    ),
    "warmup_ratio": ("learning_rate.warmup_ratio", 1.0, ["learning_rate.warmup_ratio", "shorter than the run"]),
    "stop_lr above start_lr": ("learning_rate.stop_lr", 0.1, ["learning_rate.stop_lr", "start_lr = 0.001", "0.1"]),
    "start_lr zero": ("learning_rate.start_lr", 0.0, ["learning_rate.start_lr", "positive"]),
    "decay_rate above 1": ("learning_rate.decay_rate", 1.5, ["learning_rate.decay_rate", "at most 1", "1.5"]),
    "prefactor negative": ("loss.start_pref_e", -1, ["loss.start_pref_e", "not negative", "-1"]),
    "nothing to learn": (
        "loss",
        {f"{end}_pref_{term}": 0 for end in ("start", "limit") for term in "efv"},
        ["loss.start_pref_e", "at least one prefactor"],
    ),
    "systems empty": ("training.training_data.systems", [], ["training_data.systems", "at least one directory"]),
    "systems empty string": ("training.training_data.systems", "", ["training_data.systems", "not empty"]),
    "batch_size zero": ("training.training_data.batch_size", 0, ["training_data.batch_size", "positive", "0"]),
    "batch_size word": ("training.training_data.batch_size", "big", ["training_data.batch_size", "'auto:N'", "'big'"]),
    "batch_size of no frames": (
        "training.training_data.batch_size",
        "mixed:0",
        ["batch_size", "'mixed:N'", "'mixed:0'"],
    ),
    "batch_size without number": ("training.training_data.batch_size", "mixed", ["batch_size", "'mixed:N'", "'mixed'"]),
    "auto_prob word": ("training.training_data.auto_prob", "prob", ["auto_prob", "prob_uniform", "'prob'"]),
    "auto_prob block": (
        "training.training_data.auto_prob",
        "prob_sys_size;2:1:0.5",
        ["auto_prob", "start:end:weight", "'2:1:0.5'"],
    ),
    "sys_probs zero": ("training.training_data.sys_probs", [0, 0], ["sys_probs", "positive weight"]),
    "numb_btch percent": ("training.validation_data.numb_btch", "0%", ["validation_data.numb_btch", "'N%'", "'0%'"]),
    "data_stat_nbatch zero": ("model.data_stat_nbatch", 0, ["model.data_stat_nbatch", "positive", "0"]),
}

LATER = {
    "spin": ("model.spin", {"use_spin": [True]}),
    "modifier": ("model.modifier", {"type": "dipole_charge"}),
    "use_srtab": ("model.use_srtab", "table.txt"),
    "pair_exclude_types": ("model.pair_exclude_types", [[0, 1]]),
    "fitting_net_dict": ("model.fitting_net_dict", {}),
    "shared_dict": ("model.shared_dict", {"a": ["O"]}),
    "atomic energy loss": ("loss.start_pref_ae", 1.0),
    "prefactor force loss": ("loss.limit_pref_pf", 1.0),
    "generalized force loss": ("loss.start_pref_gf", 1.0),
    "relative_f": ("loss.relative_f", 1.0),
    "enable_atom_ener_coeff": ("loss.enable_atom_ener_coeff", True),
    "huber": ("loss.use_huber", True),
    "mixed_precision": ("training.mixed_precision", {"compute_prec": "float16"}),
    "profiling": ("training.profiling", True),
    "change_bias_after_training": ("training.change_bias_after_training", True),
    "old training.systems": ("training.systems", ["a"]),
    "data_dict": ("training.data_dict", {}),
    "layer_name": ("model.fitting_net.layer_name", ["a"]),
    "nvnmd": ("nvnmd", {"enable": True}),
    "descriptor se_atten": ("model.descriptor.type", "se_atten"),
    "descriptor dpa1": ("model.descriptor.type", "dpa1"),
    "descriptor dpa3": ("model.descriptor.type", "dpa3"),
    "descriptor loc_frame": ("model.descriptor.type", "loc_frame"),
    "fitting dipole": ("model.fitting_net.type", "dipole"),
    "fitting polar": ("model.fitting_net.type", "polar"),
    "fitting dos": ("model.fitting_net.type", "dos"),
    "loss tensor": ("loss.type", "tensor"),
}

MISSING = [
    "model",
    "training",
    "model.type_map",
    "model.descriptor",
    "model.descriptor.type",
    "model.fitting_net",
    "training.training_data",
    "training.training_data.systems",
    "training.numb_steps",
]


def message_of(data) -> str:
    with pytest.raises(InputError) as caught:
        parse_config(data, source="input.json")
    return str(caught.value)


@pytest.mark.parametrize(("path", "value", "words"), VALUES.values(), ids=VALUES)
def test_bad_value(changed, path, value, words):
    message = message_of(changed(path, value))
    for word in ("input.json", *words):
        assert word in message
    assert "\n" not in message


@pytest.mark.parametrize(("path", "value"), LATER.values(), ids=LATER)
def test_not_supported_yet(changed, path, value):
    message = message_of(changed(path, value))
    assert f"{path}: " in message
    assert "not supported yet" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["LKF", "AdaMuon", "HybridMuon"])
def test_optimizers_that_are_not_supported_yet(changed, name):
    message = message_of(changed("optimizer", {"type": name}))
    assert f"optimizer.type: optimizer '{name}' is not supported yet; expected one of Adam, AdamW, SOAP" in message


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"type": "Soap"}, ["optimizer.type", "did you mean 'SOAP'?"]),
        ({"type": "Adam", "adam_beta2": 1.0}, ["optimizer.adam_beta2", "less than 1", "got 1"]),
        ({"type": "SOAP", "soap_beta": 1.5}, ["optimizer.soap_beta", "less than 1", "got 1.5"]),
        ({"type": "Adam", "weight_decay": 0.1}, ["optimizer.weight_decay", "not supported yet"]),
        ({"type": "SOAP", "refresh_freq": 0}, ["optimizer.refresh_freq", "positive", "got 0"]),
        ({"type": "Adam", "refresh_freq": 5}, ["optimizer.refresh_freq", "unknown key"]),
    ],
)
def test_bad_optimizers(changed, section, words):
    message = message_of(changed("optimizer", section))
    assert all(word in message for word in words)


@pytest.mark.parametrize("path", MISSING)
def test_missing(changed, path):
    message = message_of(changed(path))
    assert f"{path}: required key is missing" in message


def test_strip_mode_takes_no_other_type_embedding(changed):
    message = message_of(changed("model.descriptor.tebd_input_mode", "stripped"))
    assert "model.descriptor.tebd_input_mode" in message


def test_all_problems_at_once(changed):
    data = changed("model.descriptor.rcut_smooth", 1.0)
    data["training"]["numb_steps"] = "many"
    data["model"]["spin"] = {"use_spin": [True]}
    lines = message_of(data).splitlines()
    assert lines[0] == "input.json: 3 problems"
    assert len(lines) == 4
    for line, key in zip(lines[1:], ("model.spin", "model.descriptor.rcut_smooth", "training.numb_steps"), strict=True):
        assert line.strip().startswith(key + ": ")


FILES = {
    "syntax": ("input.json", '{"model": {\n  "type_map": ["O", "H"]\n  "x": 1}}', ["input.json:3:3", "not valid JSON"]),
    "cut off": ("input.json", '{"model": {', ["input.json:1:12", "not valid JSON"]),
    "empty": ("input.json", "", ["input.json:1:1", "not valid JSON"]),
    "list at the top": ("input.json", "[1, 2]", ["input.json", "table of keys", "list"]),
    "nan": ("input.json", '{"model": NaN}', ["input.json", "finite", "NaN"]),
    "infinity": ("input.json", '{"model": -Infinity}', ["input.json", "finite", "-Infinity"]),
    "twice": ("input.json", '{"loss": {\n"type": "ener",\n"type": "ener"}}', ["'type'", "given twice", "lines 2, 3"]),
    "deep": ("input.json", "[" * 100_000, ["input.json", "nested too deeply"]),
    "yaml syntax": ("input.yaml", "model:\n  type_map: [O, H\n", ["input.yaml:3:1", "not valid YAML"]),
    "yaml twice": ("input.yaml", "loss:\n  type: ener\n  type: ener\n", ["input.yaml:3:3", "'type'", "given twice"]),
    "yaml key": ("input.yaml", "? [1, 2]\n: 3\n", ["input.yaml:1:3", "expected a word as a key", "sequence"]),
    "yaml key of many": (
        "input.yaml",
        "\n".join(
            ["a0: &a0 [1]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)), "*a11 : 1"]
        ),
        ["input.yaml:12:", "expected a word as a key"],
    ),
    "yaml empty": ("input.yml", "", ["input.yml", "table of keys", "nothing"]),
    "yaml object": ("input.yaml", "model: !!python/object/apply:os.getcwd []\n", ["input.yaml:1:8", "not valid YAML"]),
    "yaml two documents": ("input.yaml", "a: 1\n---\nb: 1\n", ["input.yaml:2:1", "not valid YAML"]),
    "yaml infinity": ("input.yaml", "training: {numb_steps: .inf}\n", ["training.numb_steps", "expected an integer"]),
}


@pytest.mark.parametrize(("name", "text", "words"), FILES.values(), ids=FILES)
def test_bad_file(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        load_config(tmp_path / name)
    for word in words:
        assert word in str(caught.value)


def test_message_does_not_quote_the_whole_file(tmp_path):
    path = tmp_path / "input.yaml"
    path.write_text(f"!{'x' * 5000} 1\n")
    with pytest.raises(InputError, match="not valid YAML: could not determine a constructor") as error:
        load_config(path)
    assert len(str(error.value)) < 400 + len(str(path))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_config(tmp_path / "input.json")


def test_directory(tmp_path):
    with pytest.raises(InputError, match="got a directory"):
        load_config(tmp_path)


def test_binary_file(tmp_path):
    (tmp_path / "input.json").write_bytes(b'{"a": "\xff\xfe"}')
    with pytest.raises(InputError, match="UTF-8 text, got byte 0xff at 7"):
        load_config(tmp_path / "input.json")


def test_comments_may_repeat(tmp_path, water):
    text = json.dumps(water)
    path = tmp_path / "input.json"
    path.write_text(text.replace('"loss": {', '"loss": {"_comment": 1, "_comment": 2, '))
    load_config(path)
