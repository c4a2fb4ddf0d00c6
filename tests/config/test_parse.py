"""A dictionary becomes a `Config`: values, defaults, aliases, comments."""

from __future__ import annotations

import json

import pytest

from deepmd_tf.config import (
    Config,
    EnergyFittingConfig,
    LearningRateConfig,
    LossConfig,
    SeE2AConfig,
    TypeEmbeddingConfig,
    arguments,
    config_to_dict,
    load_config,
    parse_config,
)
from deepmd_tf.config.names import ACTIVATIONS

MINIMAL = {
    "model": {"type_map": ["O", "H"], "type_embedding": {}, "descriptor": {"type": "se_e2_a"}, "fitting_net": {}},
    "training": {"training_data": {"systems": ["data"]}, "numb_steps": 10},
}


def test_water_input(water):
    config = parse_config(water)
    assert config.model.type_map == ("O", "H")
    assert config.model.type_embedding.neuron == (2, 4, 8)
    descriptor = config.model.descriptor
    assert (descriptor.type, descriptor.sel, descriptor.rcut, descriptor.axis_neuron) == ("se_e2_a", (46, 92), 6.0, 16)
    assert descriptor.type_one_side and not descriptor.resnet_dt
    assert config.model.fitting_net.neuron == (240, 240, 240)
    assert config.learning_rate.stop_lr == 3.51e-8
    assert config.loss.start_pref_f == 1000.0
    assert config.training.training_data.systems == ("data_0/", "data_1/", "data_2/")
    assert config.training.validation_data.numb_btch == 3
    assert config.training.numb_steps == 1_000_000


def test_defaults_of_the_format():
    config = parse_config(MINIMAL)
    assert config.model.type_embedding == TypeEmbeddingConfig(
        neuron=(8,), activation_function="tanh", precision="float64"
    )
    assert config.model.descriptor == SeE2AConfig(
        sel="auto", rcut=6.0, rcut_smth=0.5, neuron=(10, 20, 40), axis_neuron=4, type_one_side=False, exclude_types=()
    )
    assert config.model.fitting_net == EnergyFittingConfig(
        neuron=(120, 120, 120), resnet_dt=True, rcond=None, atom_ener=()
    )
    assert config.model.data_stat_nbatch is None
    assert config.learning_rate == LearningRateConfig(type="exp", start_lr=1e-3, stop_lr=None, decay_steps=5000)
    assert config.learning_rate.final_lr == 5e-8
    assert config.loss == LossConfig(start_pref_e=0.02, limit_pref_e=1.0, start_pref_f=1000.0, limit_pref_f=1.0)
    assert config.loss.start_pref_v == config.loss.limit_pref_v == 0.0
    training = config.training
    assert (training.disp_file, training.disp_freq, training.save_freq) == ("lcurve.out", 1000, 1000)
    assert (training.save_ckpt, training.max_ckpt_keep) == ("model.ckpt", 5)
    assert (training.tensorboard, training.tensorboard_log_dir, training.tensorboard_freq) == (False, "log", 1)
    assert (training.training_data.batch_size, training.training_data.auto_prob) == ("auto", "prob_sys_size")
    assert training.validation_data is None


def test_round_trip(water):
    config = parse_config(water)
    again = parse_config(json.loads(json.dumps(config_to_dict(config))))
    assert again == config
    assert isinstance(again, Config)


def test_round_trip_cosine(changed):
    config = parse_config(changed("learning_rate", {"type": "cosine", "start_lr": 0.01, "stop_lr": 1e-5}))
    written = config_to_dict(config)
    assert "decay_steps" not in written["learning_rate"]
    assert parse_config(written) == config


def test_dargs_normalizes_to_the_same(water):
    root = arguments()
    normalized = root.normalize_value(water, trim_pattern="_*")
    root.check_value(normalized, strict=True)
    assert normalized == config_to_dict(parse_config(water))


@pytest.mark.parametrize(
    ("path", "alias", "value", "attribute"),
    [
        ("model.descriptor", "n_axis_neuron", 8, "model.descriptor.axis_neuron"),
        ("model.fitting_net", "n_neuron", [10, 10], "model.fitting_net.neuron"),
        ("training", "stop_batch", 77, "training.numb_steps"),
        ("training", "num_steps", 77, "training.numb_steps"),
        ("training.training_data", "sys_weights", [1.0, 2.0, 3.0], "training.training_data.sys_probs"),
        ("training.training_data", "auto_prob_style", "prob_uniform", "training.training_data.auto_prob"),
        ("training.validation_data", "numb_batch", 7, "training.validation_data.numb_btch"),
    ],
)
def test_aliases(water, path, alias, value, attribute):
    table = water
    for section in path.split("."):
        table = table[section]
    table.pop(attribute.rpartition(".")[2], None)
    table[alias] = value
    found = parse_config(water)
    for name in attribute.split("."):
        found = getattr(found, name)
    assert found == (tuple(value) if isinstance(value, list) else value)


def test_type_alias(changed):
    assert parse_config(changed("model.descriptor.type", "se_a")).model.descriptor.type == "se_e2_a"


@pytest.mark.parametrize("name", [*ACTIVATIONS, "None"])
def test_every_activation(changed, name):
    config = parse_config(changed("model.fitting_net.activation_function", name))
    assert config.model.fitting_net.activation_function == name.lower()


@pytest.mark.parametrize(("given", "kept"), [("default", "float64"), ("float64", "float64"), ("float32", "float32")])
def test_precision(changed, given, kept):
    assert parse_config(changed("model.descriptor.precision", given)).model.descriptor.precision == kept


def test_numbers_keep_their_meaning(changed):
    assert isinstance(parse_config(changed("model.descriptor.rcut", 6)).model.descriptor.rcut, float)
    assert parse_config(changed("training.numb_steps", 1e6)).training.numb_steps == 1_000_000


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.profiling", False),
        ("training.profiling_file", "timeline.json"),
        ("training.disp_training", True),
        ("training.time_training", False),
        ("training.set_prefix", "set"),
        ("training.validation_data", None),
        ("training.validation_data.numb_btch", "20%"),
        ("training.training_data.batch_size", [1, 2, 3]),
        ("training.training_data.batch_size", "auto:64"),
        ("training.training_data.batch_size", "mixed:8"),
        ("training.training_data.auto_prob", "prob_sys_size;0:1:0.5;1:3:0.5"),
        ("training.training_data.systems", "data"),
        ("model.descriptor.sel", "auto:1.5"),
        ("model.descriptor.exclude_types", [[0, 1], [1, 1]]),
        ("model.descriptor.env_protection", 0.0),
        ("model.fitting_net.trainable", [True, False, True, False]),
        ("model.fitting_net.atom_ener", [None, -13.6]),
        ("model.type", "standard"),
        ("model.use_srtab", None),
        ("loss.start_pref_ae", 0),
        ("loss.relative_f", None),
        ("learning_rate.scale_by_worker", "linear"),
        ("learning_rate.decay_rate", 0.95),
        ("optimizer", {"type": "Adam"}),
        ("optimizer", {"type": "Adam", "adam_beta1": 0.8, "adam_beta2": 0.99, "weight_decay": 0.0}),
        ("optimizer", {"type": "AdamW", "weight_decay": 0.01}),
        ("optimizer", {"type": "SOAP", "refresh_freq": 5, "soap_beta": 0.9, "weight_decay": 0.1}),
        ("optimizer", {}),
        ("optimizer", None),
        ("_comment", ["anything", {"at": "all"}]),
    ],
)
def test_accepted(changed, path, value):
    config = parse_config(changed(path, value))
    assert parse_config(config_to_dict(config)) == config


def test_sequences_are_tuples(changed):
    config = parse_config(changed("model.descriptor.exclude_types", [[0, 1]]))
    assert config.model.descriptor.exclude_types == ((0, 1),)
    hash(config)


def test_load_config_reads_what_parse_config_reads(tmp_path, water):
    path = tmp_path / "input.json"
    path.write_text(json.dumps(water))
    assert load_config(path) == load_config(str(path)) == parse_config(water)


def test_strip_mode_has_two_spellings(water):
    descriptor = water["model"]["descriptor"]
    written = [
        {**descriptor, "type": "se_a_ebd_v2"},
        {**descriptor, "type": "se_a_tpe_v2"},
        {**descriptor, "tebd_input_mode": "strip"},
        {**descriptor, "type": "se_a", "tebd_input_mode": "strip"},
    ]
    parsed = [parse_config({**water, "model": {**water["model"], "descriptor": each}}).model for each in written]
    assert all(each == parsed[0] and each.descriptor.type == "se_a_ebd_v2" for each in parsed)
    concat = {**water["model"], "descriptor": {**descriptor, "tebd_input_mode": "concat"}}
    assert parse_config({**water, "model": concat}) == parse_config(water)


def test_without_type_embedding(water):
    del water["model"]["type_embedding"]
    assert parse_config(water).model.type_embedding is None
    water["model"]["descriptor"]["type"] = "se_a_ebd_v2"
    assert parse_config(water).model.type_embedding == TypeEmbeddingConfig(activation_function="linear")


def test_keys_that_deepmd_kit_has_not_are_left_out_at_their_defaults(changed):
    common = config_to_dict(parse_config(changed("training.numb_steps", 3)), common=True)
    assert "share_batch" not in common["training"] and "xyz_keys" not in common["training"]["training_data"]
    shared = parse_config(changed("training.share_batch", True))
    assert config_to_dict(shared, common=True)["training"]["share_batch"] is True
    assert parse_config(config_to_dict(shared, common=True)) == shared
