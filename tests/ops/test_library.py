import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import deepmd_tf.ops
from deepmd_tf.ops import library


def built() -> dict:
    return json.loads(library._find("build_info.json").read_text())


def test_built_for_the_running_tensorflow():
    library.check_build(built(), tf.__version__, tf.__cxx11_abi_flag__)


def test_other_version():
    with pytest.raises(
        ImportError, match=r"built for TensorFlow 2.21 but TensorFlow 2.20.1 .*: pip install '.*2.21.\*'"
    ):
        library.check_build({"tensorflow_version": "2.21.0", "cxx11_abi": 1}, "2.20.1", 1)


def test_other_patch_is_the_same_version():
    library.check_build({"tensorflow_version": "2.21.0", "cxx11_abi": 1}, "2.21.3", 1)


def test_other_abi():
    with pytest.raises(ImportError, match=r"_GLIBCXX_USE_CXX11_ABI=1 but TensorFlow 2.21.0 uses 0: pip install"):
        library.check_build({"tensorflow_version": "2.21.0", "cxx11_abi": 1}, "2.21.0", 0)


def test_library_missing(monkeypatch):
    monkeypatch.setattr(deepmd_tf.ops, "__path__", [])
    with pytest.raises(ImportError, match="installed without its TensorFlow ops"):
        library._find("libdeepmd_op.so")


def test_tensorflow_missing(tmp_path: Path):
    """Without TensorFlow the kernels work, and asking for an op is one line that says what to install."""
    code = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
sys.meta_path.insert(0, Hidden())
from deepmd_tf.geometry import neighbors
neighbors.open([[0, 0, 0]], [0], 1.0)
from deepmd_tf import ops
try:
    ops.load()
except ImportError as error:
    print(error)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.startswith("TensorFlow is not installed: pip install ") and output.count("\n") == 1


@pytest.mark.slow
def test_loading_prints_nothing():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", "from deepmd_tf import ops; ops.load()"], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_signatures_are_those_of_the_format():
    """Graphs of other programs contain these ops: names, order and types of everything must stay."""
    library.load()
    signatures = {
        "ProdEnvMatA": (
            "coord:T type:int32 natoms:int32 box:T mesh:int32 davg:T dstd:T",
            "descrpt:T descrpt_deriv:T rij:T nlist:int32",
            {"T", "rcut_a", "rcut_r", "rcut_r_smth", "sel_a", "sel_r"},
        ),
        "ProdForceSeA": ("net_deriv:T in_deriv:T nlist:int32 natoms:int32", "force:T", {"T", "n_a_sel", "n_r_sel"}),
        "ProdVirialSeA": (
            "net_deriv:T in_deriv:T rij:T nlist:int32 natoms:int32",
            "virial:T atom_virial:T",
            {"T", "n_a_sel", "n_r_sel"},
        ),
        "ProdEnvMatR": (
            "coord:T type:int32 natoms:int32 box:T mesh:int32 davg:T dstd:T",
            "descrpt:T descrpt_deriv:T rij:T nlist:int32",
            {"T", "rcut", "rcut_smth", "sel"},
        ),
        "ProdForceSeR": ("net_deriv:T in_deriv:T nlist:int32 natoms:int32", "force:T", {"T"}),
        "ProdVirialSeR": (
            "net_deriv:T in_deriv:T rij:T nlist:int32 natoms:int32",
            "virial:T atom_virial:T",
            {"T"},
        ),
    }
    from tensorflow.python.framework import op_def_registry

    def written(arguments):
        return " ".join(f"{a.name}:{a.type_attr or tf.dtypes.as_dtype(a.type).name}" for a in arguments)

    for name, (inputs, outputs, attributes) in signatures.items():
        definition = op_def_registry.get(name)
        assert written(definition.input_arg) == inputs
        assert written(definition.output_arg) == outputs
        assert {attribute.name for attribute in definition.attr} == attributes
