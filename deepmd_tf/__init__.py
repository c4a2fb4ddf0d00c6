"""Deep Potential models with type embedding on TensorFlow 2.

    from deepmd_tf import DeepPot, Run, freeze

    result = Run.prepare("input.json").train()
    freeze(result.checkpoint, "graph.pb")
    energy, force, virial = DeepPot("graph.pb").eval(coords, cells, atom_types)

Importing this package does not import TensorFlow. The modules that compute with TensorFlow import it on first use.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd_tf.config import load_config, parse_config
    from deepmd_tf.errors import InputError
    from deepmd_tf.export.freeze import freeze
    from deepmd_tf.infer import DeepPot
    from deepmd_tf.train.run import Run

# TensorFlow reads these when it is first imported: no start-up chatter, one code path for matrix products, and tensors
# from a pool: taken from and returned to the system one by one, they cost as much time in page faults as in arithmetic.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

_MODULES = {
    "DeepPot": "infer",
    "InputError": "errors",
    "Run": "train.run",
    "freeze": "export.freeze",
    "load_config": "config",
    "parse_config": "config",
}
"""Modules of the public names, which are imported on first use."""

__all__ = ["DeepPot", "InputError", "Run", "__version__", "freeze", "load_config", "parse_config"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("deepmd_tf")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
