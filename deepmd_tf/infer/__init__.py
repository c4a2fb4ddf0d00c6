"""Inference with frozen graphs: `DeepPot`, the ASE calculator, model deviation and comparison with labeled data."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd_tf.infer.deep_pot import DeepPot
    from deepmd_tf.infer.model_devi import calc_model_devi

__all__ = ["DeepPot", "calc_model_devi"]


def __getattr__(name: str) -> Any:
    """Import `DeepPot` and TensorFlow on first use; the plots do not need them."""
    if name == "DeepPot":
        from deepmd_tf.infer.deep_pot import DeepPot

        return DeepPot
    if name == "calc_model_devi":
        from deepmd_tf.infer.model_devi import calc_model_devi

        return calc_model_devi
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
