"""The order of the packages: each imports only from those before it, and the light ones do without TensorFlow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import deepmd_tf

ROOT = Path(deepmd_tf.__file__).parent
ORDER = (
    "errors files untrusted config data geometry ops nn statistics descriptor fitting model loss "
    "optimizer checkpoint transfer export infer testing train cli"
).split()
LIGHT = ("errors", "files", "config", "data", "geometry", "statistics", "cli")
HEAVY_MODULES = ("data/pipeline.py",)
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def package_of(module: str) -> str:
    """Name of the package, or of the module that lies in no package."""
    return module.split("/")[0].removesuffix(".py")


def name_of(module: str) -> str:
    """The dotted name."""
    return f"deepmd_tf.{module.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")


def imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Dotted names of everything that is imported anywhere in a syntax tree of `module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute, so that they can be read alone"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def outside_functions(tree: ast.Module) -> ast.Module:
    """The part of a module that runs when it is imported."""

    class Pruned(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.If | None:
            return None if "TYPE_CHECKING" in ast.dump(node.test) else node

    return Pruned().visit(tree)


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def test_every_package_has_its_place():
    packages = {package_of(module) for module in MODULES} - {"__init__", "__main__"}
    assert packages <= set(ORDER), "give new packages their place in ORDER and in the design"


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__.py"])
def test_imports_point_to_the_left(module):
    own = package_of(module)
    for name in imported(parsed(module), module):
        top, _, rest = name.partition(".")
        if top == "deepmd_tf" and rest.split(".")[0] in ORDER:
            other = rest.split(".")[0]
            assert ORDER.index(other) <= ORDER.index(own), f"{module} imports {name}, which comes after {own}"


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) in (*LIGHT, "__init__")])
def test_light_modules_import_tensorflow_only_inside_functions(module):
    if module not in HEAVY_MODULES:
        heavy = [name for name in imported(outside_functions(parsed(module)), module) if name.startswith("tensorflow")]
        assert not heavy


def test_importing_the_light_packages_does_not_import_tensorflow():
    """What the syntax trees cannot show: imports of imports."""
    names = [name_of(m) for m in MODULES if package_of(m) in (*LIGHT, "__init__") and m not in HEAVY_MODULES]
    names = [name for name in names if not name.endswith("__main__")]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    code += "sys.exit('TensorFlow was imported' if 'tensorflow' in sys.modules else 0)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
