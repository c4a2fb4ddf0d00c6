"""The compiled kernels that a test is about: those of the processor, of a GPU, or the latter emulated."""

import importlib
import importlib.util
import os
import sys
from types import ModuleType

from deepmd_tf import _kernels as cpu

# A build of one module outside of the package, for instance one with sanitizers or on a machine without TensorFlow.
_PATHS = {"_gpu": "DEEPMD_TEST_GPU", "_gpu_emulated": "DEEPMD_TEST_GPU_EMULATED"}


def load(name: str) -> ModuleType:
    """The compiled module of this name; ImportError where it was not built."""
    path = os.environ.get(_PATHS[name])
    if path is None:
        return importlib.import_module(f"deepmd_tf.{name}")
    spec = importlib.util.spec_from_file_location(f"deepmd_tf.{name}", path)
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


class Kernels:
    """Passes every name on to the kernels of the device that the test runs on."""

    module = cpu

    def __getattr__(self, name):
        return getattr(self.module, name)


kernels = Kernels()
