"""Deep Potential models with type embedding on TensorFlow 2.

Importing this package does not import TensorFlow. The modules that compute with TensorFlow import it on first use.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd_tf.infer import DeepPot

# TensorFlow reads these when it is first imported: no start-up chatter, one code path for matrix products, and tensors
# from a pool: taken from and returned to the system one by one, they cost as much time in page faults as in arithmetic.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

__all__ = ["DeepPot", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "DeepPot":
        from deepmd_tf.infer import DeepPot

        return DeepPot
    if name == "__version__":
        from importlib.metadata import version

        return version("deepmd_tf")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
