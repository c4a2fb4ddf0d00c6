"""A program of one's own finds, links and runs the C++ API as docs/cpp.md says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepmd_tf.cli.where import directory_of

from ..models import native_file, potential

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cpp.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)[1]


def run(*command: str | Path, **options) -> str:
    # What else is built in this environment, and how, is none of the program's business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CMAKE_")}
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_program_of_the_document(tmp_path):
    (tmp_path / "program.cc").write_text(block("cpp"))
    (tmp_path / "CMakeLists.txt").write_text(block("cmake"))
    (tmp_path / "graph.pb").symlink_to(native_file("one_side"))
    cmake = Path(sys.executable).parent / "cmake"
    build = tmp_path / "build"
    run(
        cmake,
        "-S",
        tmp_path,
        "-B",
        build,
        f"-DCMAKE_PREFIX_PATH={directory_of('cmake')}",
    )
    run(cmake, "--build", build)
    printed = run(build / "program", cwd=tmp_path)
    coord = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    energy, force, _ = potential("one_side").eval(coord, None, [0, 1, 1])
    numbers = [float(word) for word in re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", printed)]
    assert numbers == pytest.approx([energy.item(), force[0, 0, 0]], rel=1e-5)
