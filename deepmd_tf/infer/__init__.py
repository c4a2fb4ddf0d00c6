"""Using frozen graphs: `DeepPot`, ASE, and tests against labeled data."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd_tf.infer.deep_pot import DeepPot
    from deepmd_tf.infer.model_devi import calc_model_devi

__all__ = ["DeepPot", "calc_model_devi"]


def __getattr__(name: str) -> Any:
    """Import `DeepPot`, and TensorFlow with it, on first use: the plots do without."""
    if name == "DeepPot":
        from deepmd_tf.infer.deep_pot import DeepPot

        return DeepPot
    if name == "calc_model_devi":
        from deepmd_tf.infer.model_devi import calc_model_devi

        return calc_model_devi
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
