"""The reference and the JSON schema are complete, current and valid."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from deepmd_tf.config import Config, doc_train_input, json_schema, parse_config
from deepmd_tf.config.fields import keys_of
from deepmd_tf.config.variants import DESCRIPTORS, FITTINGS, LEARNING_RATES, LOSSES

ROOT = Path(__file__).parents[2]


def test_the_file_in_docs_is_current():
    assert (ROOT / "docs/train-input.md").read_text() == doc_train_input() + "\n", "run `make docs`"


def test_every_key_is_there():
    text = doc_train_input()

    def visit(section):
        for key in keys_of(section):
            if key.option.section is not None:
                visit(key.option.section)
            elif key.option.variants is not None:
                for inner in key.option.variants.classes.values():
                    visit(inner)
            else:
                assert f"**`{key.name}`**" in text

    visit(Config)


def test_its_example_is_valid():
    example = re.search(r"```json\n(.*?)```", doc_train_input(), re.DOTALL).group(1)
    parse_config(json.loads(example))


@pytest.mark.parametrize("table", [DESCRIPTORS, FITTINGS, LEARNING_RATES, LOSSES], ids=lambda table: table.noun)
def test_variant_tables(table):
    assert not table.later & set(table.classes)
    assert set(table.alias.values()) <= set(table.classes)
    assert table.default is None or table.default in table.classes
    for section in table.classes.values():
        assert dataclasses.is_dataclass(section)
        assert "type" in {field.name for field in dataclasses.fields(section)}


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_schema_is_json():
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["required"] == ["model", "training"]
    neuron = schema["properties"]["model"]["properties"]["type_embedding"]["properties"]["neuron"]
    assert neuron["items"] == {"type": ["integer"], "exclusiveMinimum": 0}


def test_schema_accepts_the_water_input(validator, water):
    assert list(validator.iter_errors(water)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.descriptor.rcut_smooth", 1.0),
        ("model.descriptor.rcut", "6"),
        ("model.descriptor.precision", "float16"),
        ("model.fitting_net.neuron", [0]),
        ("model.type_map", "O"),
        ("model.spin", {"use_spin": [True]}),
        ("learning_rate.start_lr", 0),
        ("training.numb_steps", 0),
        ("training.profiling", True),
        ("training.unknown", True),
    ],
)
def test_schema_refuses(validator, changed, path, value):
    assert list(validator.iter_errors(changed(path, value)))
