"""The loops that are compiled for every instruction set of the processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepmd_tf import _kernels

from . import test_contraction, test_pair_moments

SCRIPT = """
import json, sys
import numpy as np
sys.path.insert(0, {directory!r})
from deepmd_tf import _kernels
from tests.kernels import {module}
results = {module}.everything(np.random.default_rng(5))
np.savez({output!r}, *results)
print(json.dumps([_kernels.instruction_set(), _kernels.instruction_sets()]))
"""


def run_with(isa, output, module="test_contraction"):
    script = SCRIPT.format(directory=str(Path(__file__).parents[2]), output=str(output), module=module)
    environment = {**os.environ, "DEEPMD_ISA": isa}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("tests", [test_contraction, test_pair_moments])
def test_every_instruction_set_gives_the_same_to_rounding(tmp_path, tests):
    expected = tests.everything(np.random.default_rng(5))
    for isa in _kernels.instruction_sets():
        process = run_with(isa, tmp_path / "results.npz", tests.__name__.rpartition(".")[2])
        assert process.returncode == 0, process.stderr
        assert json.loads(process.stdout)[0] == isa
        with np.load(tmp_path / "results.npz") as results:
            for got, array in zip(results.values(), expected, strict=True):
                np.testing.assert_allclose(got, array, rtol=0, atol=1e-12 * np.abs(array).max())


def test_an_instruction_set_that_is_not_there_is_refused(tmp_path):
    process = run_with("x86_64_v9", tmp_path / "results.npz")
    assert process.returncode == 1
    assert "InputError: DEEPMD_ISA: expected one of" in process.stderr and "got x86_64_v9" in process.stderr
