"""What descriptors of environment rows and a tabulated embedding have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import tensorflow as tf

from deepmd_tf.descriptor.edges import EdgeEnvironment, Normalization, edge_environment
from deepmd_tf.descriptor.frames import Frames, PaddedFrames
from deepmd_tf.descriptor.padded import PaddedEnvironment, padded_environment
from deepmd_tf.descriptor.radial_embedding import RESOLVED
from deepmd_tf.nn.parameters import Fixed, Parameters
from deepmd_tf.statistics import EnvironmentStatistics

MAX_PANELS = 128
"""Panels of an octave beyond which tabulating costs more than it saves."""


class TabulatedDescriptor(tf.Module):
    """The normalization, the geometry, and how finely the embedding is tabulated.

    Parameters
    ----------
    name : str
        Of the module.
    config : DescriptorConfig
        The section ``model.descriptor``.
    statistics : tuple of EnvironmentStatistics
        Normalization per center type, of the only member.
    parameters : Parameters
        The source of parameters (``descrpt_attr/t_avg``, ``descrpt_attr/t_std``).

    Attributes
    ----------
    in_one_op : bool
        Whether `ops.evaluate_model` knows the descriptor.
    columns : int
        Of an environment row in padded form: 4, or 1 for the radial column alone.
    panels : int
        Panels of an octave of the axis of the embedding, on which its nets are tabulated; 0 for none, when they are
        evaluated wherever the sum asks for them.
    """

    in_one_op: ClassVar[bool] = False
    columns: ClassVar[int] = 4

    def __init__(self, name: str, config, *, statistics: tuple[EnvironmentStatistics, ...], parameters: Parameters):
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
        # A variable, so that a compiled function need not be made again for other panels. A frozen graph has none.
        self._per_octave = tf.Variable(0, trainable=False, dtype=tf.int32) if tf.executing_eagerly() else None
        self.panels = 0

    @property
    def panels(self) -> int:
        """Panels of an octave; a function made where they were 0 must be made again where they are not."""
        return self._panels

    @panels.setter
    def panels(self, number: int) -> None:
        self._panels = number
        if self._per_octave is not None:
            self._per_octave.assign(number)

    @property
    def per_octave(self) -> tf.Tensor | int:
        """The same, as what is computed follows it."""
        return self.panels if self._per_octave is None else self._per_octave.value()

    def refine(self, unresolved: float) -> bool:
        """Tabulate on half as wide panels, where the embedding is not resolved; beyond `MAX_PANELS` not at all.

        Parameters
        ----------
        unresolved : float
            What an evaluation gave (see `__call__`).

        Returns
        -------
        bool
            Whether compiled functions must be made again.
        """
        if not unresolved > self.tolerance:
            return False
        self.panels = 2 * self.panels if self.panels < MAX_PANELS else 0
        return not self.panels

    def resolve(self, type_table: tf.Tensor | None, shortest: float) -> None:
        """Tabulate finely enough for atoms at any distance from `shortest` (Å) on, or not at all.

        Parameters
        ----------
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.
        shortest : float
            Positive and below `rcut_smth`.
        """
        while self.panels and (unresolved := self._unresolved(type_table, shortest)) > self.tolerance:
            self.refine(unresolved)

    @property
    def resolution(self) -> str:
        """What the embedding is tabulated on, in words."""
        return f"{self.panels} panels an octave" if self.panels else "nothing: it is evaluated at every edge"

    @property
    def tolerance(self) -> float:
        """Largest relative error of the tabulated embedding that counts as round-off."""
        return RESOLVED[self.config.precision]

    @property
    @abstractmethod
    def width(self) -> int:
        """Length of one atom's descriptor."""

    @abstractmethod
    def _of_edges(self, environment: EdgeEnvironment, type_table: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """What `__call__` gives, over edges."""

    @abstractmethod
    def _of_slots(self, environment: PaddedEnvironment, type_table: tf.Tensor | None) -> tf.Tensor:
        """Descriptors ``[ncenters, width]`` over padded slots."""

    @abstractmethod
    def _unresolved(self, type_table: tf.Tensor | None, shortest: float) -> float:
        """Relative error by which the embedding is not resolved for atoms at least `shortest` (Å) apart."""

    def __call__(
        self, environment: EdgeEnvironment | PaddedEnvironment, type_table: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Descriptors of a batch.

        Parameters
        ----------
        environment : EdgeEnvironment or PaddedEnvironment
            Of the batch.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.

        Returns
        -------
        tuple of Tensor
            Descriptors ``[ncenters, width]``; and the relative error by which the embedding may not be resolved, 0
            where it is not tabulated.
        """
        if isinstance(environment, EdgeEnvironment):
            return self._of_edges(environment, type_table)
        return self._of_slots(environment, type_table), tf.zeros([], tf.float64)

    @property
    def normalization(self) -> Normalization:
        """Of every slot alike."""
        return Normalization(self.avg[:, 0], self.std[:, 0], self.std[:, self.columns - 1])

    def environment(self, frames: Frames | PaddedFrames) -> EdgeEnvironment | PaddedEnvironment:
        """Environment rows of a batch, in the form of its frames."""
        rcut, rcut_smth = self.config.rcut, self.config.rcut_smth
        if isinstance(frames, Frames):
            return edge_environment(frames, self.normalization, self.ntypes, rcut, rcut_smth)
        return padded_environment(frames, self.avg, self.std, self.sel, rcut, rcut_smth, self.columns)

    def _interacting(self, precision) -> tf.Tensor:
        """0 for pairs of types that are excluded from interacting, else 1, ``[ntypes, ntypes]``."""
        keep = np.ones((self.ntypes, self.ntypes))
        for a, b in self.config.exclude_types:
            keep[a, b] = keep[b, a] = 0.0
        return tf.constant(keep, precision)
