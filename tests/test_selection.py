"""The tests of `make check`, and those that need no TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .select_changed import changed_files, folder_of, selected

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("deepmd_tf/data/xyz.py", "tests/data"),
        ("deepmd_tf/errors.py", "tests/test_layers.py"),
        ("source/op/evaluate.cc", "tests/ops"),
        ("source/lib/cpu/evaluate.cc", "tests/kernels"),
        ("source/lmp/pair_deepmd.cc", "tests/lammps"),
        ("tests/model/test_physics.py", "tests/model"),
        ("tests/test_files.py", "tests/test_files.py"),
        ("tests/models.py", None),
        ("docs/training.md", "tests/test_readme.py"),
        ("Makefile", None),
    ],
)
def test_every_file_has_its_tests(file, folder):
    assert folder_of(file) == folder


def test_every_package_has_a_folder_of_tests():
    packages = {path.parent.name for path in (ROOT / "deepmd_tf").glob("*/__init__.py")}
    without = {package for package in packages if not (ROOT / "tests" / package).is_dir()}
    assert without == {"untrusted"}, "its readers are tested in tests/data, tests/checkpoint and tests/fuzz"


def test_only_places_that_exist_are_selected():
    assert selected(["deepmd_tf/untrusted/bundle.py", "deepmd_tf/loss/energy.py"]) == [
        "tests/loss",
        "tests/test_layers.py",
    ]
    assert all(isinstance(file, str) for file in changed_files())


def run_light(*places: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.without_tensorflow", "-p", "no:cacheprovider"]
    return subprocess.run([*command, "-m", "light and not slow", *places], cwd=ROOT, capture_output=True, text=True)


def test_light_tests_of_geometry_run_without_tensorflow():
    done = run_light("tests/geometry")
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
def test_all_light_tests_run_without_tensorflow():
    done = run_light("tests/config", "tests/geometry", "tests/kernels", "tests/statistics")
    assert done.returncode == 0, done.stdout[-2000:]
