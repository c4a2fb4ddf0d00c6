"""Checkpoints that are not as they were written: refused, also when somebody made their checksums fit."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf.checkpoint.manifest import seal
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.errors import InputError

from ..checkpoints import Run, value_of


class TestDamage:
    """A checkpoint that is not as it was written is refused, with the file that is to blame."""

    @pytest.fixture
    def path(self, tmp_path):
        return Run(tmp_path).save(5)

    def refused(self, path, *words):
        with pytest.raises(InputError) as caught:
            StoredCheckpoint(path)
        assert all(word in str(caught.value) for word in words)

    @pytest.mark.parametrize("name", ["state.index", "state.data-00000-of-00001", "config.json"])
    @pytest.mark.parametrize("damage", ["removed", "cut", "flipped"])
    def test_in_a_listed_file(self, path, name, damage):
        file = path / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        if damage == "removed":
            file.unlink()
        else:
            file.write_bytes(content if damage == "flipped" else content[:-1])
        self.refused(path, str(file), "missing or damaged", "checksum", "older checkpoint")

    @pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000])
    def test_in_the_list(self, path, text):
        (path / "manifest.json").write_text(text)
        self.refused(path, "manifest.json", "not the manifest of a checkpoint")

    @pytest.mark.parametrize(
        ("old", "new"),
        [('"step": 5', '"step": 0'), ("1.5", "2.5"), ('"serial": 1', '"serial": 7'), ("config", "confih")],
    )
    def test_in_what_the_list_says(self, path, old, new):
        text = (path / "manifest.json").read_text()
        assert old in text
        (path / "manifest.json").write_text(text.replace(old, new))
        self.refused(path, str(path / "manifest.json"), "damaged", "checksum", "older checkpoint")

    def test_in_any_bit_of_the_list(self, path):
        whole = (path / "manifest.json").read_bytes()
        for place in range(len(whole)):
            for bit in range(8):
                (path / "manifest.json").write_bytes(
                    whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
                )
                self.refused(path, str(path))

    def test_another_format(self, path):
        manifest = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps(manifest | {"format": 3}))
        self.refused(path, "checkpoint format 3", "reads formats 1 and 2")

    def test_the_first_format_is_read_but_for_lists_that_were_sealed(self, path):
        manifest = json.loads((path / "manifest.json").read_text()) | {"format": 1}
        (path / "manifest.json").write_text(json.dumps(manifest))
        self.refused(path, "damaged")
        del manifest["checksum"]
        (path / "manifest.json").write_text(json.dumps(manifest))
        assert value_of(path) == 5

    @pytest.mark.parametrize("change", [{"step": "x"}, {"step": []}, {"step": 1e999}, {"sha256": 3}])
    def test_in_a_list_that_is_sealed(self, path, change):
        manifest = json.loads((path / "manifest.json").read_text()) | change
        (path / "manifest.json").write_text(json.dumps(manifest | {"checksum": seal(manifest)}))
        self.refused(path, "manifest.json", "not the manifest of a checkpoint")

    def test_other_parameters(self, path):
        other = {"parameters": {"net/matrix": tf.Variable([1.0, 2.0], dtype=tf.float64)}, "adam": {}}
        with pytest.raises(InputError, match="does not fit the model in the input file"):
            StoredCheckpoint(path).restore(other)


class TestSomebodyWhoWantsHarm:
    """Files that were changed together with their checksums."""

    @pytest.fixture
    def path(self, tmp_path):
        return Run(tmp_path).save(5)

    def write_sealed(self, path, manifest):
        (path / "manifest.json").write_text(json.dumps(manifest | {"checksum": seal(manifest)}))

    def forge(self, path, name, change):
        file = path / name
        file.write_bytes(change(file.read_bytes()))
        manifest = json.loads((path / "manifest.json").read_text())
        manifest["sha256"] = {n: hashlib.sha256((path / n).read_bytes()).hexdigest() for n in manifest["sha256"]}
        self.write_sealed(path, manifest)

    def refused(self, path, *words):
        stored = StoredCheckpoint(path)
        for read in (stored.values, lambda: stored.restore(Run(path.parent / "other").trackables)):
            with pytest.raises(InputError) as caught:
                read()
            assert all(word in str(caught.value) for word in words), str(caught.value)

    @pytest.mark.parametrize("size", [0, 7, 47, 48, 100])
    def test_an_index_cut_short(self, path, size):
        self.forge(path, "state.index", lambda data: data[:size])
        self.refused(path, "model.ckpt-5")

    def test_data_cut_short(self, path):
        self.forge(path, "state.data-00000-of-00001", lambda data: data[:3])
        self.refused(path, "beyond the end")

    def test_an_index_with_a_byte_changed_never_ends_the_process(self, path):
        """It is refused, or read as it was: the footer has bytes that mean nothing."""
        whole = (path / "state.index").read_bytes()
        refusals = 0
        for place in range(0, len(whole), 3):
            changed = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
            self.forge(path, "state.index", lambda data, changed=changed: changed)
            try:
                assert StoredCheckpoint(path).values() == {"net/matrix": 5.0}
            except InputError as error:
                assert "model.ckpt-5" in str(error)
                refusals += 1
        assert refusals > len(whole) / 3 * 0.8

    def test_tensors_that_no_run_writes(self, path):
        prefix = path / "state"
        reader = tf.train.load_checkpoint(str(prefix))
        keys = sorted(reader.get_variable_to_shape_map())
        bad = {key: np.zeros(3, np.uint16) if "matrix" in key else reader.get_tensor(key) for key in keys}
        tf.raw_ops.SaveV2(
            prefix=str(prefix), tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=list(bad.values())
        )
        self.forge(path, "state.index", lambda data: data)
        self.refused(path, "expected numbers, got a tensor of type")

    @pytest.mark.parametrize("text", ["[]", "3", '"x"', "{", "[" * 100_000])
    def test_a_configuration_that_is_none(self, path, text):
        self.forge(path, "config.json", lambda data: text.encode())
        with pytest.raises(InputError, match=r"config.json: not the configuration of a run"):
            StoredCheckpoint(path)

    def test_keys_that_are_not_there(self, path):
        stored = StoredCheckpoint(path)
        for table in (stored.metadata, stored.config["model"]):
            with pytest.raises(InputError, match=r"model.ckpt-5/\w+.json: the key panels is missing"):
                table["panels"]

    def test_a_list_without_the_state(self, path):
        manifest = json.loads((path / "manifest.json").read_text())
        del manifest["sha256"]["state.index"]
        self.write_sealed(path, manifest)
        with pytest.raises(InputError, match=r"state.index is not listed"):
            StoredCheckpoint(path)
