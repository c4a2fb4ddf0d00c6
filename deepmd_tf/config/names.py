"""Choices and descriptions that several keys share."""

from __future__ import annotations

ACTIVATIONS = ("tanh", "gelu", "gelu_tf", "relu", "relu6", "softplus", "sigmoid", "silu", "linear", "none")
ACTIVATION_SYNONYMS = (("None", "none"),)
PRECISIONS = ("float64", "float32")
PRECISION_SYNONYMS = (("default", "float64"),)

NEURON_DOC = (
    "Width of each layer. A layer as wide as the one before it, or twice as wide, adds its input to its output "
    "(a residual connection)."
)
ACTIVATION_DOC = "Activation function of the layers; `linear` and `none` are the identity."
RESNET_DT_DOC = "Multiply the output of each layer that has a residual connection by a trainable vector of time steps."
PRECISION_DOC = "Floating-point type of the parameters and of the arithmetic inside the net; `default` means `float64`."
TRAINABLE_DOC = "Whether the parameters are trained."
SEED_DOC = "Seed of the initial parameters; null: a random seed."
TYPE_ONE_SIDE_DOC = (
    "true: the embedding depends only on the species of the neighbor; false: on the species of the neighbor and of the "
    "center."
)
