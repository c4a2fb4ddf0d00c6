"""Concatenation of several descriptors, ``hybrid``.

``D = (D_0, D_1, ...)``, each with its own cutoff, slots and normalization (DeePMD-kit v2 paper, J. Chem. Phys. 159,
054801, 2023). Parameters of the k-th have ``_{k}`` appended to the first part of their names, as in
``filter_type_all_1/matrix_1``.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from deepmd_tf.descriptor.edges import EdgeEnvironment, Frames
from deepmd_tf.descriptor.padded import PaddedEnvironment, PaddedFrames
from deepmd_tf.descriptor.registry import DESCRIPTORS, make_descriptor
from deepmd_tf.descriptor.tabulation import Tabulation
from deepmd_tf.nn.dense import Product
from deepmd_tf.nn.parameters import NumberedParameters, Parameters
from deepmd_tf.statistics import EnvironmentStatistics


@dataclass(frozen=True)
class JoinedEnvironment:
    """The environments of all members, of the same frames.

    Attributes
    ----------
    members : tuple of EdgeEnvironment or of PaddedEnvironment
        One environment for each member.
    """

    members: tuple[EdgeEnvironment, ...] | tuple[PaddedEnvironment, ...]

    @property
    def differentiable(self) -> list[tf.Tensor]:
        """Tensors with respect to which energies are differentiated; `force` and `virial` take the derivatives."""
        return [member.differentiable for member in self.members]

    @property
    def max_neighbors(self) -> tf.Tensor | None:
        """Largest numbers of neighbors, member by member, int32 ``[nmembers * ntypes]``; None over slots."""
        counts = [member.max_neighbors for member in self.members]
        return None if counts[0] is None else tf.concat(counts, axis=0)

    @property
    def product(self) -> Product:
        """Product of two matrices."""
        return self.members[0].product

    @property
    def natoms(self) -> tf.Tensor:
        """Number of atoms in all frames."""
        return self.members[0].natoms

    @property
    def center_type(self) -> tf.Tensor:
        """Types of the centers, int32 ``[ncenters]``."""
        return self.members[0].center_type

    @property
    def fparam(self) -> tf.Tensor | None:
        """Frame parameters of every center ``[ncenters, numb_fparam]``."""
        return self.members[0].fparam

    @property
    def aparam(self) -> tf.Tensor | None:
        """Atomic parameters ``[ncenters, numb_aparam]``."""
        return self.members[0].aparam

    def frame_sum(self, values: tf.Tensor) -> tf.Tensor:
        """Sum values of the centers ``[ncenters]`` over each frame ``[nframes]``."""
        return self.members[0].frame_sum(values)

    def force(self, *gradients: tf.Tensor) -> tf.Tensor:
        """Map derivatives to forces (eV/Å) ``[natoms, 3]``, the sum over members."""
        return tf.add_n([member.force(each) for member, each in zip(self.members, gradients, strict=True)])

    def virial(self, *gradients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map derivatives to virial and atomic virial (eV), sums over members."""
        parts = [member.virial(each) for member, each in zip(self.members, gradients, strict=True)]
        virial, atom_virial = zip(*parts, strict=True)
        return tf.add_n(virial), tf.add_n(atom_virial)


@DESCRIPTORS.register("hybrid")
class Hybrid(tf.Module):
    """``hybrid``.

    Parameters
    ----------
    config : HybridConfig
        The section ``model.descriptor``.
    type_width : int or None
        Width of the type embedding; None without one.
    statistics : tuple of EnvironmentStatistics
        Normalization per center type, of each member.
    parameters : Parameters
        The source of parameters.

    Attributes
    ----------
    members : list
        The descriptors.
    width : int
        Length of one atom's descriptor.
    """

    in_one_op = False

    def __init__(
        self,
        config,
        *,
        type_width: int | None,
        statistics: tuple[EnvironmentStatistics, ...],
        parameters: Parameters,
    ):
        super().__init__(name="hybrid")
        self.config = config
        self.members = [
            make_descriptor(
                member, type_width=type_width, statistics=(of_member,), parameters=NumberedParameters(parameters, k)
            )
            for k, (member, of_member) in enumerate(zip(config.members, statistics, strict=True))
        ]
        self.width = sum(member.width for member in self.members)

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """Axes of the outputs of all members."""
        return tuple(axes for member in self.members for axes in member.axes)

    def environment(self, frames: Frames | PaddedFrames) -> JoinedEnvironment:
        """Return the environments of a batch."""
        return JoinedEnvironment(tuple(member.environment(frames) for member in self.members))

    def __call__(
        self, environment: JoinedEnvironment, type_table: tf.Tensor | None, tabulation: Tabulation | None = None
    ) -> tf.Tensor:
        """Return the descriptors ``[ncenters, width]``, float64; see `TabulatedDescriptor.__call__`."""
        parts = [
            member(each, type_table, tabulation) for member, each in zip(self.members, environment.members, strict=True)
        ]
        return tf.concat([tf.cast(part, tf.float64) for part in parts], axis=1)
