"""Our keys and defaults against the reference that DeePMD-kit prints of its own."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from deepmd_tf.config import Config, unsupported
from deepmd_tf.config.fields import keys_of

pytestmark = pytest.mark.interop

# Where our default is another one, on purpose or in another spelling: ours, DeePMD-kit's.
DIFFERENT = {
    "model.data_stat_nbatch": ("None", "10"),
    "model.type_embedding.precision": ("float64", "default"),
    "model.descriptor.precision": ("float64", "default"),
    "model.fitting_net.precision": ("float64", "default"),
    "loss.start_pref_f": ("1000.0", "1000"),
    "optimizer.type": ("SOAP", "Adam"),  # the default within the section of SOAP
}
OTHER_VARIANT = re.compile(r"\[(?!standard\]|se_e2_a\]|ener\]|exp\]|cosine\]|wsd\])|_f[rm]$")
INSIDE_UNSUPPORTED = re.compile(r"(optimizer|validating|nvnmd|model\.spin|model\.modifier|training\.mixed_precision)\.")


@pytest.fixture(scope="module")
def peer_keys() -> list[tuple[str, str]]:
    """Path and facts (type, default, aliases) of every key in the peer's reference."""
    python = os.environ.get("DEEPMD_PEER_PYTHON")
    if not python:
        pytest.skip("DEEPMD_PEER_PYTHON names no environment with DeePMD-kit; run `make interop`")
    command = [str(Path(python).parent / "dp"), "doc-train-input"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    found = re.findall(r"\| type: (.*)\n\s*\| argument path: ``([^`]*)``", text)
    return [
        (re.sub(r"\[.*?\]", "", path).replace("/", "."), facts)
        for facts, path in found
        if not OTHER_VARIANT.search(path)
    ]


def our_keys(section: type = Config, path: str = "") -> dict[str, str]:
    """Path (by name and by alias) and default of every key, as text."""
    found = {}
    for key in keys_of(section):
        where = f"{path}.{key.name}".lstrip(".")
        written = list(key.default) if isinstance(key.default, tuple) else key.default
        for name in (key.name, *key.option.alias):
            found[f"{path}.{name}".lstrip(".")] = str(written)
        if key.option.section is not None:
            found |= our_keys(key.option.section, where)
        elif key.option.variants is not None:
            for inner in key.option.variants.classes.values():
                found |= our_keys(inner, where)
    return found


def test_every_key_is_offered_or_named_as_not_supported_yet(peer_keys):
    ours = our_keys()
    strangers = []
    for path, facts in peer_keys:
        section, _, name = path.rpartition(".")
        for spelling in (name, *re.findall(r"\*(\w+)\*", facts)):
            known = f"{section}.{spelling}".lstrip(".") in ours or unsupported.is_known(section, spelling)
            if not known and not INSIDE_UNSUPPORTED.match(path):
                strangers.append(f"{section}.{spelling}")
    assert len(peer_keys) > 100
    assert strangers == []


def test_defaults_agree(peer_keys):
    ours = our_keys()
    different = {}
    for path, facts in peer_keys:
        default = re.search(r"default: ``(.*?)``", facts)
        if default and path in ours and ours[path] != default.group(1):
            different[path] = (ours[path], default.group(1))
    assert different == DIFFERENT
