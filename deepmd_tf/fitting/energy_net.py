"""The layers of a fitting net, from the descriptor of a center to its energy.

The first layer has no residual connection. Later layers of unchanged width are ``x + idt * phi(x W + b)``. The last
layer is linear and of width one (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
"""

from __future__ import annotations

import tensorflow as tf

from deepmd_tf.nn.dense import Dense, NetOptions, Product
from deepmd_tf.nn.parameters import Parameters

IDT_MEAN = 0.1
"""Mean of the initial `idt`; it is small, so that deep residual nets start near the identity."""


class EnergyNet(tf.Module):
    """A fitting net.

    Parameters
    ----------
    config : EnergyFittingConfig
        The section ``model.fitting_net``.
    widths : tuple of int
        Widths of the three parts of the input: descriptor, type embedding (0 without one), parameters.
    parameters : Parameters
        Source of parameters: ``layer_{k}{suffix}/matrix``, ``bias``, ``idt``, and ``final_layer{suffix}/*``.
    suffix : str
        Suffix of the names of the layers.
    """

    def __init__(self, config, widths: tuple[int, int, int], parameters: Parameters, *, suffix: str = ""):
        super().__init__(name="energy_net")
        self.precision = config.precision
        self.widths, self.first_name = widths, f"layer_0{suffix}/matrix"
        options = NetOptions(config.activation_function, config.resnet_dt, config.precision, config.seed)
        trainable = config.trainable
        if isinstance(trainable, bool):
            trainable = (trainable,) * (len(config.neuron) + 1)
        neuron = [sum(widths), *config.neuron]

        def names(layer):
            return tuple(f"{layer}{suffix}/{part}" for part in ("matrix", "bias", "idt"))

        self.layers = [
            Dense(
                parameters,
                names(f"layer_{k}"),
                neuron[k],
                neuron[k + 1],
                options,
                trainable=trainable[k],
                idt_mean=IDT_MEAN if config.resnet_dt and k > 0 and neuron[k] == neuron[k + 1] else None,
            )
            for k in range(len(config.neuron))
        ]
        linear = NetOptions("linear", False, config.precision, config.seed)
        self.final = Dense(parameters, names("final_layer"), neuron[-1], 1, linear, trainable=trainable[-1], bias=0.0)

    @property
    def first_parts(self) -> list[tf.Tensor]:
        """Rows of the first matrix for the descriptor, the type embedding and the parameters."""
        return tf.split(self.layers[0].matrix, self.widths, axis=0)

    def bias_by_type(self, type_table: tf.Tensor | None, ntypes: int) -> tf.Tensor:
        """Return the bias of the first layer plus its product with the type embedding ``[ntypes, neuron[0]]``."""
        bias = self.layers[0].bias[None]
        if type_table is None:
            return tf.repeat(bias, ntypes, axis=0)
        return tf.matmul(tf.cast(type_table, self.precision), self.first_parts[1]) + bias

    def __call__(
        self,
        descriptor: tf.Tensor,
        first_bias: tf.Tensor,
        extra: tf.Tensor | None = None,
        product: Product = tf.matmul,
    ) -> tf.Tensor:
        """Return the energies ``[n]`` (eV), float64, without the constants of the types.

        Parameters
        ----------
        descriptor : Tensor
            Descriptors ``[n, widths[0]]`` in the precision of the net.
        first_bias : Tensor
            Row of `bias_by_type` for each center, or one row for all.
        extra : Tensor, optional
            Standardized parameters ``[n, widths[2]]``.
        product : callable
            Matrix product of the layers.
        """
        of_descriptor, _, of_extra = self.first_parts
        pre = product(descriptor, of_descriptor) + first_bias
        if extra is not None:
            pre += tf.matmul(tf.cast(extra, self.precision), of_extra)
        x = self.layers[0].activate(pre)
        for layer in self.layers[1:]:
            y = layer(x, product)
            x = x + y if layer.n_in == layer.n_out else y
        return tf.cast(self.final(x)[:, 0], tf.float64)
