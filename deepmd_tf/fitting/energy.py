"""The energy fitting net: one net for all species, told the species by its type embedding.

    E_i = N_f({D_i, A_i, fparam, aparam_i}) + bias_atom_e[t_i]

The part of the first layer that multiplies ``A_i`` is a bias looked up by type. Later layers are residual,
``x + idt * phi(x W + b)``, when the width is unchanged (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepmd_tf.fitting.registry import FITTINGS
from deepmd_tf.nn.dense import Dense, NetOptions, Product
from deepmd_tf.nn.parameters import Fixed, Parameters
from deepmd_tf.statistics import FittingStatistics

IDT_MEAN = 0.1
"""Mean of the initial `idt`: deep residual nets start near the identity."""


class FittingWeights(NamedTuple):
    """The net as `ops.evaluate_model` takes it, in the precision of the net, energies in float64.

    Attributes
    ----------
    first_matrix, extra_matrix : Tensor
        The parts of the first layer that multiply descriptor and parameters ``[width, neuron[0]]``.
    first_bias : Tensor
        The rest of the first layer by type ``[ntypes, neuron[0]]``.
    matrices, biases : list of Tensor
        Of the later layers.
    idts : list of Tensor
        Of all layers; of length 0 for a layer without.
    final_matrix : Tensor
        ``[neuron[-1], 1]``.
    atom_bias : Tensor
        Constant energy of an atom by type (eV), float64 ``[ntypes]``.
    """

    first_matrix: tf.Tensor
    extra_matrix: tf.Tensor
    first_bias: tf.Tensor
    matrices: list[tf.Tensor]
    biases: list[tf.Tensor]
    idts: list[tf.Tensor]
    final_matrix: tf.Tensor
    atom_bias: tf.Tensor


@FITTINGS.register("ener")
class EnergyFitting(tf.Module):
    """Atomic energies from descriptors.

    Parameters
    ----------
    config : EnergyFittingConfig
        The section ``model.fitting_net``.
    descriptor_width, type_width : int
        Widths of the descriptor and of the type embedding.
    statistics : FittingStatistics
        Energy bias per type; mean and standard deviation of fparam and aparam.
    parameters : Parameters
        The source of parameters (``layer_{k}/*``, ``final_layer/*``, ``fitting_attr/*``).
    """

    def __init__(
        self, config, *, descriptor_width: int, type_width: int, statistics: FittingStatistics, parameters: Parameters
    ):
        super().__init__(name="energy_fitting")
        self.config = config
        self.widths = (descriptor_width, type_width, config.numb_fparam + config.numb_aparam)
        options = NetOptions(config.activation_function, config.resnet_dt, config.precision, config.seed)
        trainable = config.trainable
        if isinstance(trainable, bool):
            trainable = (trainable,) * (len(config.neuron) + 1)
        neuron = [sum(self.widths), *config.neuron]
        self.layers = [
            Dense(
                parameters,
                tuple(f"layer_{k}/{part}" for part in ("matrix", "bias", "idt")),
                neuron[k],
                neuron[k + 1],
                options,
                trainable=trainable[k],
                idt_mean=IDT_MEAN if config.resnet_dt and k > 0 and neuron[k] == neuron[k + 1] else None,
            )
            for k in range(len(config.neuron))
        ]
        final = NetOptions("linear", False, config.precision, config.seed)
        names = ("final_layer/matrix", "final_layer/bias", "final_layer/idt")
        self.final = Dense(parameters, names, neuron[-1], 1, final, trainable=trainable[-1], bias=0.0)
        self._make_statistics(statistics, parameters)

    def _make_statistics(self, statistics: FittingStatistics, parameters: Parameters) -> None:
        def fixed(name, value):
            value = np.asarray(value)
            return parameters(f"fitting_attr/{name}", value.shape, Fixed(value), "float64", False)

        self.energy_bias = fixed("t_bias_atom_e", statistics.energy_bias)
        self.standard = {}
        for name, size in (("fparam", self.config.numb_fparam), ("aparam", self.config.numb_aparam)):
            if size:
                mean, std = getattr(statistics, name)
                self.standard[name] = (fixed(f"t_{name}_avg", mean), fixed(f"t_{name}_istd", 1.0 / np.asarray(std)))

    def __call__(
        self,
        descriptor: tf.Tensor,
        type_table: tf.Tensor,
        center_type: tf.Tensor,
        fparam: tf.Tensor | None = None,
        aparam: tf.Tensor | None = None,
        *,
        product: Product = tf.matmul,
    ) -> tf.Tensor:
        """Atomic energies (eV) ``[ncenters]``, float64.

        Parameters
        ----------
        descriptor : Tensor
            ``[ncenters, descriptor_width]``.
        type_table : Tensor
            The type embedding ``[ntypes, type_width]``.
        center_type : Tensor
            int32 ``[ncenters]``.
        fparam, aparam : Tensor, optional
            ``[ncenters, numb_fparam]``, of each centre's frame, and ``[ncenters, numb_aparam]``.
        product : callable
            How layers multiply.
        """
        extra = self._extra(fparam, aparam)
        energy = self._net(tf.cast(descriptor, self.config.precision), type_table, center_type, extra, product)
        if self.config.atom_ener:
            energy -= self._in_vacuum(type_table, center_type, extra)
        return energy + tf.gather(self.energy_bias, center_type)

    def weights(self, type_table: tf.Tensor) -> FittingWeights:
        """The net with all that depends on the centre's type alone written out by type."""
        w_descriptor, _, w_extra = tf.split(self.layers[0].matrix, self.widths, axis=0)
        types = tf.range(type_table.shape[0])
        atom_bias = self.energy_bias + tf.cast(self.final.bias, tf.float64)
        if self.config.atom_ener and not self.standard:
            atom_bias -= self._in_vacuum(type_table, types, None)
        none = tf.zeros([0], self.config.precision)
        return FittingWeights(
            w_descriptor,
            w_extra,
            self._bias_by_type(type_table),
            [layer.matrix for layer in self.layers[1:]],
            [layer.bias for layer in self.layers[1:]],
            [none if layer.idt is None else layer.idt for layer in self.layers],
            self.final.matrix,
            atom_bias,
        )

    def extra(self, fparam: tf.Tensor | None, aparam: tf.Tensor | None, natoms: tf.Tensor) -> tf.Tensor:
        """Standardised frame and atomic parameters in the net's precision ``[natoms, nextra]``; arguments as called."""
        extra = self._extra(fparam, aparam)
        if extra is None:
            return tf.zeros(tf.stack([natoms, 0]), self.config.precision)
        return tf.cast(extra, self.config.precision)

    def anchor(
        self, type_table: tf.Tensor, center_type: tf.Tensor, fparam: tf.Tensor | None, aparam: tf.Tensor | None
    ) -> tf.Tensor | None:
        """What `weights` cannot hold: energies of isolated atoms by parameters ``[ncenters]``, to be taken off."""
        if not (self.config.atom_ener and self.standard):
            return None
        return self._in_vacuum(type_table, center_type, self._extra(fparam, aparam))

    def _in_vacuum(self, type_table: tf.Tensor, center_type: tf.Tensor, extra: tf.Tensor | None) -> tf.Tensor:
        """Energies ``[ncenters]`` at the descriptor zero: with `set_davg_zero`, that of an isolated atom."""
        if extra is not None:
            nothing = tf.zeros([tf.size(center_type), self.widths[0]], self.config.precision)
            return self._net(nothing, type_table, center_type, extra)
        types = tf.range(type_table.shape[0])
        nothing = tf.zeros([type_table.shape[0], self.widths[0]], self.config.precision)
        return tf.gather(self._net(nothing, type_table, types, None), center_type)

    def _extra(self, fparam: tf.Tensor | None, aparam: tf.Tensor | None) -> tf.Tensor | None:
        """Standardised frame and atomic parameters, one row per centre, or None when the net takes none."""
        given = {"fparam": fparam, "aparam": aparam}
        columns = [self._standardised(name, given[name]) for name in self.standard]
        return tf.concat(columns, axis=-1) if columns else None

    def _standardised(self, name: str, value: tf.Tensor) -> tf.Tensor:
        mean, inverse_std = self.standard[name]
        return (tf.reshape(value, [-1, mean.shape[0]]) - mean) * inverse_std

    def _bias_by_type(self, type_table: tf.Tensor) -> tf.Tensor:
        """What the first layer makes of the type embedding, and its bias ``[ntypes, neuron[0]]``."""
        first = self.layers[0]
        w_type = tf.split(first.matrix, self.widths, axis=0)[1]
        return tf.matmul(tf.cast(type_table, self.config.precision), w_type) + first.bias

    def _net(
        self,
        descriptor: tf.Tensor,
        type_table: tf.Tensor,
        center_type: tf.Tensor,
        extra: tf.Tensor | None,
        product: Product = tf.matmul,
    ) -> tf.Tensor:
        """Energies ``[ncenters]`` before the bias, float64."""
        first = self.layers[0]
        w_descriptor, _, w_extra = tf.split(first.matrix, self.widths, axis=0)
        pre = product(descriptor, w_descriptor) + tf.gather(self._bias_by_type(type_table), center_type)
        if extra is not None:
            pre += tf.matmul(tf.cast(extra, self.config.precision), w_extra)
        x = first.activate(pre)
        for layer in self.layers[1:]:
            y = layer(x, product)
            x = x + y if layer.n_in == layer.n_out else y
        return tf.cast(self.final(x)[:, 0], tf.float64)
