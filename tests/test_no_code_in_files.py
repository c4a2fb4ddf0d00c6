"""No module reads files in a way that runs what they say."""

from __future__ import annotations

import ast

import pytest

from .test_layers import MODULES, imported, parsed

MODULES_THAT_RUN_FILES = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib", "cloudpickle", "runpy", "imp"}
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    ("np", "load"),
    ("numpy", "load"),
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("os", "system"),
    ("tf", "saved_model"),
}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_from_a_file_is_run(module):
    tree = parsed(module)
    assert {name.split(".")[0] for name in imported(tree, module)} & MODULES_THAT_RUN_FILES == set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id in CALLS), f"{module}:{node.lineno}"
            names = {keyword.arg for keyword in node.keywords}
            assert "allow_pickle" not in names, f"{module}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in ATTRIBUTES, f"{module}:{node.lineno}"


def test_what_is_looked_for_is_found():
    tree = ast.parse("import numpy as np\nnp.load('x', allow_pickle=True)\neval('1')\n")
    found = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert set(found) & CALLS == {"eval"}
