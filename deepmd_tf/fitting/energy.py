"""The energy fitting net.

    E_i = N_f({D_i, A_i, fparam, aparam_i}) + bias_atom_e[t_i]

With type embedding there is one net for all species, and the part of the first layer that multiplies ``A_i`` is a bias
looked up by type. Without type embedding, every species has its own net with the input
``{D_i, fparam, aparam_i}`` (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepmd_tf.fitting.energy_net import EnergyNet
from deepmd_tf.fitting.registry import FITTINGS
from deepmd_tf.nn.blocks import Block, row_blocks
from deepmd_tf.nn.dense import Product
from deepmd_tf.nn.parameters import Fixed, Parameters
from deepmd_tf.statistics import FittingStatistics


class FittingWeights(NamedTuple):
    """Arrays of the nets for `ops.evaluate_model`, in the precision of the nets; energies in float64.

    Attributes
    ----------
    first_matrix, extra_matrix : list of Tensor
        Rows of the first matrix for descriptor and parameters ``[width, neuron[0]]``, one per net.
    first_bias : Tensor
        Bias of the first layer by type, including the type embedding ``[ntypes, neuron[0]]``.
    matrices, biases : list of Tensor
        Matrices and biases of the later layers, net after net.
    idts : list of Tensor
        Time steps of all layers, net after net; of length 0 for a layer without time steps.
    final_matrix : list of Tensor
        Matrix of the output layer ``[neuron[-1], 1]``, one per net.
    atom_bias : Tensor
        Constant energy of an atom by type (eV), float64 ``[ntypes]``.
    """

    first_matrix: list[tf.Tensor]
    extra_matrix: list[tf.Tensor]
    first_bias: tf.Tensor
    matrices: list[tf.Tensor]
    biases: list[tf.Tensor]
    idts: list[tf.Tensor]
    final_matrix: list[tf.Tensor]
    atom_bias: tf.Tensor


@FITTINGS.register("ener")
class EnergyFitting(tf.Module):
    """Map from descriptors to atomic energies.

    Parameters
    ----------
    config : EnergyFittingConfig
        The section ``model.fitting_net``.
    descriptor_width : int
        Width of the descriptor.
    type_width : int or None
        Width of the type embedding; None without one, if each type has its own net.
    statistics : FittingStatistics
        Energy bias per type; mean and standard deviation of fparam and aparam.
    parameters : Parameters
        Source of parameters: ``layer_{k}/*`` and ``final_layer/*``, or ``layer_{k}_type_{i}/*`` and
        ``final_layer_type_{i}/*``; ``fitting_attr/*``.
    """

    def __init__(
        self,
        config,
        *,
        descriptor_width: int,
        type_width: int | None,
        statistics: FittingStatistics,
        parameters: Parameters,
    ):
        super().__init__(name="energy_fitting")
        self.config = config
        self.ntypes = len(statistics.energy_bias)
        widths = (descriptor_width, type_width or 0, config.numb_fparam + config.numb_aparam)
        suffixes = [f"_type_{i}" for i in range(self.ntypes)] if type_width is None else [""]
        self.nets = [EnergyNet(config, widths, parameters, suffix=suffix) for suffix in suffixes]
        self._make_statistics(statistics, parameters)

    def blocks(self, descriptor_axes: Sequence[tuple[int, ...]]) -> dict[str, tuple[Block, ...]]:
        """Return the blocks of the first matrices for the given axes of the descriptor."""
        config = self.config
        parts = [*descriptor_axes, (self.nets[0].widths[1],), (config.numb_fparam,), (config.numb_aparam,)]
        return {net.first_name: row_blocks(parts, config.neuron[0]) for net in self.nets}

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
        type_table: tf.Tensor | None,
        center_type: tf.Tensor,
        fparam: tf.Tensor | None = None,
        aparam: tf.Tensor | None = None,
        *,
        product: Product = tf.matmul,
    ) -> tf.Tensor:
        """Return the atomic energies (eV) ``[ncenters]``, float64.

        Parameters
        ----------
        descriptor : Tensor
            Descriptors ``[ncenters, descriptor_width]``.
        type_table : Tensor or None
            Type embedding ``[ntypes, type_width]``; None in models without one.
        center_type : Tensor
            Types of the centers, int32 ``[ncenters]``.
        fparam, aparam : Tensor, optional
            Parameters of the frame of each center ``[ncenters, numb_fparam]`` and of the center
            ``[ncenters, numb_aparam]``.
        product : callable
            Matrix product of the layers.
        """
        extra = self._extra(fparam, aparam)
        energy = self._energy(tf.cast(descriptor, self.config.precision), type_table, center_type, extra, product)
        if self.config.atom_ener:
            energy -= self._in_vacuum(type_table, center_type, extra)
        return energy + tf.gather(self.energy_bias, center_type)

    def weights(self, type_table: tf.Tensor | None) -> FittingWeights:
        """Return the arrays of the nets, with terms that depend only on the type of the center tabulated."""
        types = tf.range(self.ntypes)
        last = tf.concat([tf.cast(net.final.bias, tf.float64) for net in self.nets], axis=0)
        atom_bias = self.energy_bias + last
        if self.config.atom_ener and not self.standard:
            atom_bias -= self._in_vacuum(type_table, types, None)
        none = tf.zeros([0], self.config.precision)
        later = [layer for net in self.nets for layer in net.layers[1:]]
        parts = [net.first_parts for net in self.nets]
        return FittingWeights(
            [descriptor for descriptor, _, _ in parts],
            [extra for _, _, extra in parts],
            self._bias_by_type(type_table),
            [layer.matrix for layer in later],
            [layer.bias for layer in later],
            [none if layer.idt is None else layer.idt for net in self.nets for layer in net.layers],
            [net.final.matrix for net in self.nets],
            atom_bias,
        )

    def extra(self, fparam: tf.Tensor | None, aparam: tf.Tensor | None, natoms: tf.Tensor) -> tf.Tensor:
        """Return the standardized frame and atomic parameters ``[natoms, nextra]`` in the precision of the net."""
        extra = self._extra(fparam, aparam)
        if extra is None:
            return tf.zeros(tf.stack([natoms, 0]), self.config.precision)
        return tf.cast(extra, self.config.precision)

    def anchor(
        self, type_table: tf.Tensor | None, center_type: tf.Tensor, fparam: tf.Tensor | None, aparam: tf.Tensor | None
    ) -> tf.Tensor | None:
        """Return the energies of isolated atoms with parameters ``[ncenters]``, which `weights` do not include."""
        if not (self.config.atom_ener and self.standard):
            return None
        return self._in_vacuum(type_table, center_type, self._extra(fparam, aparam))

    def _in_vacuum(self, type_table: tf.Tensor | None, center_type: tf.Tensor, extra: tf.Tensor | None) -> tf.Tensor:
        """Return the energies ``[ncenters]`` for a zero descriptor, that of an isolated atom with `set_davg_zero`."""
        width = self.nets[0].widths[0]
        if extra is not None:
            nothing = tf.zeros([tf.size(center_type), width], self.config.precision)
            return self._energy(nothing, type_table, center_type, extra)
        nothing = tf.zeros([self.ntypes, width], self.config.precision)
        return tf.gather(self._energy(nothing, type_table, tf.range(self.ntypes), None), center_type)

    def _extra(self, fparam: tf.Tensor | None, aparam: tf.Tensor | None) -> tf.Tensor | None:
        """Return the standardized frame and atomic parameters, one row per center; None if the net has none."""
        given = {"fparam": fparam, "aparam": aparam}
        columns = [self._standardize(name, given[name]) for name in self.standard]
        return tf.concat(columns, axis=-1) if columns else None

    def _standardize(self, name: str, value: tf.Tensor) -> tf.Tensor:
        mean, inverse_std = self.standard[name]
        return (tf.reshape(value, [-1, mean.shape[0]]) - mean) * inverse_std

    def _bias_by_type(self, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return the part of the first layer that depends on the type of the center ``[ntypes, neuron[0]]``."""
        if len(self.nets) == 1:
            return self.nets[0].bias_by_type(type_table, self.ntypes)
        return tf.stack([net.layers[0].bias for net in self.nets])

    def _energy(
        self,
        descriptor: tf.Tensor,
        type_table: tf.Tensor | None,
        center_type: tf.Tensor,
        extra: tf.Tensor | None,
        product: Product = tf.matmul,
    ) -> tf.Tensor:
        """Return the energies ``[ncenters]`` without the bias, float64."""
        if type_table is not None:
            first_bias = tf.gather(self._bias_by_type(type_table), center_type)
            return self.nets[0](descriptor, first_bias, extra, product)
        places = tf.dynamic_partition(tf.range(tf.size(center_type)), center_type, self.ntypes)
        energies = [
            net(
                tf.gather(descriptor, place),
                net.layers[0].bias,
                None if extra is None else tf.gather(extra, place),
                product,
            )
            for net, place in zip(self.nets, places, strict=True)
        ]
        return tf.dynamic_stitch(places, energies)
