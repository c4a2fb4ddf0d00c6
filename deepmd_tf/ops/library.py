"""Load TensorFlow and the op library, once, after checking that one was built for the other."""

import functools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import deepmd_tf.ops as package


def _find(name: str) -> Path:
    """Find a file of this package; an editable install keeps compiled files elsewhere than the Python source."""
    for directory in package.__path__:
        path = Path(directory) / name
        if path.is_file():
            return path
    raise ImportError(
        f"deepmd_tf was installed without its TensorFlow ops ({name} is missing); in its source directory: "
        "pip install '.[cpu]'"
    )


def _import_tensorflow() -> ModuleType:
    try:
        import tensorflow
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise ImportError(
            "TensorFlow is not installed: pip install tensorflow-cpu (or 'tensorflow[and-cuda]')"
        ) from None
    return tensorflow


def check_build(built: dict, version: str, cxx11_abi: int) -> None:
    """Raise ImportError unless the op library was built for the TensorFlow that runs.

    Parameters
    ----------
    built
        The contents of ``build_info.json``.
    version, cxx11_abi
        Of the running TensorFlow. The symbols of one minor version do not exist in another.
    """
    expected = ".".join(built["tensorflow_version"].split(".")[:2])
    remedy = (
        f"pip install 'tensorflow-cpu=={expected}.*' (or 'tensorflow=={expected}.*'), or build deepmd_tf again in its "
        "source directory: pip install --no-build-isolation --force-reinstall --no-deps ."
    )
    if ".".join(version.split(".")[:2]) != expected:
        raise ImportError(f"deepmd_tf was built for TensorFlow {expected} but TensorFlow {version} runs: {remedy}")
    if cxx11_abi != built["cxx11_abi"]:
        raise ImportError(
            f"deepmd_tf was built with _GLIBCXX_USE_CXX11_ABI={built['cxx11_abi']} but TensorFlow {version} uses "
            f"{cxx11_abi}: {remedy}"
        )


_registrations: list[Callable[[ModuleType], None]] = []
_lock = threading.Lock()


def on_load(register: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    """Call a function that registers gradients when the op library has been loaded (a decorator)."""
    _registrations.append(register)
    return register


def load() -> ModuleType:
    """Load the op library on the first call and return the module of its generated functions."""
    with _lock:  # threads that ask for it at the same time register gradients once
        return _load()


@functools.cache
def _load() -> ModuleType:
    built = json.loads(_find("build_info.json").read_text())
    tensorflow = _import_tensorflow()
    check_build(built, tensorflow.__version__, tensorflow.__cxx11_abi_flag__)
    module = tensorflow.load_op_library(str(_find("libdeepmd_op.so")))
    for register in _registrations:
        register(module)
    return module
