"""The compiled kernels that a test is about: those of the processor, of a GPU, or the latter emulated."""

import importlib
from types import ModuleType

from deepmd_tf import _kernels as cpu


def load(name: str) -> ModuleType:
    """The compiled module of this name; ImportError where it was not built."""
    return importlib.import_module(f"deepmd_tf.{name}")


class Kernels:
    """Passes every name on to the kernels of the device that the test runs on."""

    module = cpu

    def __getattr__(self, name):
        return getattr(self.module, name)


kernels = Kernels()
