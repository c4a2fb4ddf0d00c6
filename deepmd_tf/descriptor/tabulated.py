"""Common part of descriptors that sum a tabulated embedding over environment rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.edges import EdgeEnvironment, Frames, Normalization
from deepmd_tf.descriptor.padded import PaddedEnvironment, PaddedFrames
from deepmd_tf.descriptor.radial_embedding import RESOLVED
from deepmd_tf.descriptor.tabulation import Tabulation
from deepmd_tf.geometry.interacting import interacting_matrix
from deepmd_tf.nn.parameters import Fixed, Parameters
from deepmd_tf.statistics import EnvironmentStatistics

if TYPE_CHECKING:
    from deepmd_tf.config.descriptor import DescriptorConfig


class TabulatedDescriptor(tf.Module):
    """Normalization and geometry of a descriptor, and the panels of its embedding.

    Parameters
    ----------
    name : str
        Name of the module.
    config : DescriptorConfig
        The section ``model.descriptor``.
    statistics : tuple of EnvironmentStatistics
        Normalization per center type, of the only member.
    parameters : Parameters
        The source of parameters (``descrpt_attr/t_avg``, ``descrpt_attr/t_std``).

    Attributes
    ----------
    in_one_op : bool
        Whether `ops.evaluate_model` supports the descriptor.
    columns : int
        Columns of an environment row in padded form: 4, or 1 for the radial column alone.
    """

    in_one_op: ClassVar[bool] = False
    columns: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        config: DescriptorConfig,
        *,
        statistics: tuple[EnvironmentStatistics, ...],
        parameters: Parameters,
    ):
        super().__init__(name=name)
        self.config = config
        self.sel = tuple(config.sel)
        self.nnei = sum(self.sel)
        self.ntypes = len(self.sel)
        (own,) = statistics
        avg, std = own.tables(self.nnei, self.columns)
        shape = (self.ntypes, self.nnei * self.columns)
        self.avg = parameters("descrpt_attr/t_avg", shape, Fixed(avg), "float64", False)
        self.std = parameters("descrpt_attr/t_std", shape, Fixed(std), "float64", False)
        self.slot_type = np.repeat(np.arange(self.ntypes, dtype=np.int32), self.sel)

    @property
    def members(self) -> tuple[TabulatedDescriptor, ...]:
        """The descriptor itself, as the only member."""
        return (self,)

    @property
    def tolerance(self) -> float:
        """Largest relative truncation error of the tabulated embedding that counts as round-off."""
        return RESOLVED[self.config.precision]

    @property
    @abstractmethod
    def width(self) -> int:
        """Length of one atom's descriptor."""

    @property
    @abstractmethod
    def coarsest(self) -> int | None:
        """Panels per octave to try first; None for an embedding that cannot be tabulated."""

    @abstractmethod
    def panels(self, per_octave: int | tf.Tensor) -> ops.Panels:
        """Return the panels of the axis of the embedding."""

    @abstractmethod
    def truncation_error(self, type_table: tf.Tensor | None, shortest: float, per_octave: int) -> float:
        """Return the relative error of the tabulated embedding for atoms at least `shortest` (Å) apart."""

    @abstractmethod
    def over_edges(
        self, environment: EdgeEnvironment, type_table: tf.Tensor | None, panels: ops.Panels | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return descriptors ``[ncenters, width]`` from edges, and the truncation error on `panels`.

        Without panels, the embedding is evaluated at every edge, and the error is 0.
        """

    @abstractmethod
    def over_slots(self, environment: PaddedEnvironment, type_table: tf.Tensor | None) -> tf.Tensor:
        """Return descriptors ``[ncenters, width]`` from padded slots."""

    def __call__(
        self,
        environment: EdgeEnvironment | PaddedEnvironment,
        type_table: tf.Tensor | None,
        tabulation: Tabulation | None = None,
    ) -> tf.Tensor:
        """Return the descriptors of a batch ``[ncenters, width]``.

        Parameters
        ----------
        environment : EdgeEnvironment or PaddedEnvironment
            The environment of the batch.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.
        tabulation : Tabulation, optional
            Panels of the embedding over edges; receives the truncation error.
        """
        return environment.describe(self, type_table, tabulation)

    @property
    def normalization(self) -> Normalization:
        """Normalization by center type, which is the same for all slots."""
        return Normalization(self.avg[:, 0], self.std[:, 0], self.std[:, self.columns - 1])

    def environment(self, frames: Frames | PaddedFrames) -> EdgeEnvironment | PaddedEnvironment:
        """Return the environment rows of a batch, in the form of its frames."""
        return frames.environment(self)

    def interacting(self, precision: str | tf.DType) -> tf.Tensor:
        """Return 0 for pairs of types that are excluded from interacting and 1 for others, ``[ntypes, ntypes]``."""
        return tf.constant(interacting_matrix(self.ntypes, self.config.exclude_types), precision)
