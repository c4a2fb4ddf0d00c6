"""The potential: type embedding, descriptor and fitting net, and the forces and virial of their energy."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor import make_descriptor
from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.descriptor.padded import PaddedFrames
from deepmd_tf.descriptor.tabulation import Resolution, Tabulation
from deepmd_tf.descriptor.two_body import EmbeddingTable
from deepmd_tf.fitting import make_fitting
from deepmd_tf.model.type_embedding import TypeEmbedding
from deepmd_tf.nn.blocks import Block
from deepmd_tf.nn.parameters import Parameters
from deepmd_tf.statistics import ModelStatistics


class Prediction(NamedTuple):
    """Prediction for a batch of frames, float64, with concatenated atoms and centers.

    Attributes
    ----------
    energy : Tensor
        eV ``[nframes]``.
    force : Tensor
        eV/Å ``[natoms, 3]``.
    virial : Tensor
        eV ``[nframes, 9]``; pressure = trace / 3V.
    atom_energy : Tensor
        eV ``[ncenters]``.
    atom_virial : Tensor
        eV ``[natoms, 9]``.
    descriptor : Tensor
        ``[ncenters, width]``.
    type_table : Tensor or None
        The type embedding ``[ntypes, type_width]``, in models that have one.
    max_neighbors : Tensor or None
        Largest number of neighbors of each type around any center, for each member of the descriptor, int32
        ``[nmembers * ntypes]``; None for padded frames.
    """

    energy: tf.Tensor
    force: tf.Tensor
    virial: tf.Tensor
    atom_energy: tf.Tensor
    atom_virial: tf.Tensor
    descriptor: tf.Tensor
    type_table: tf.Tensor | None
    max_neighbors: tf.Tensor | None


class EnergyModel(tf.Module):
    """A Deep Potential, with type embedding or with nets for every species.

    Calling it builds graph operations, inside a `tf.function` or a `tf.Graph`.

    Parameters
    ----------
    config : ModelConfig
        The section ``model``.
    statistics : ModelStatistics
        Normalization and biases from the training data.
    parameters : Parameters
        The source of parameters.
    """

    def __init__(self, config, *, statistics: ModelStatistics, parameters: Parameters):
        super().__init__(name="energy_model")
        self.type_embedding, type_width = None, None
        if config.type_embedding is not None:
            self.type_embedding = TypeEmbedding(config.type_embedding, type_map=config.type_map, parameters=parameters)
            type_width = self.type_embedding.width
        self.descriptor = make_descriptor(
            config.descriptor,
            type_width=type_width,
            statistics=statistics.environment,
            parameters=parameters,
        )
        self.fitting = make_fitting(
            config.fitting_net,
            descriptor_width=self.descriptor.width,
            type_width=type_width,
            statistics=statistics.fitting,
            parameters=parameters,
        )

    def type_table(self) -> tf.Tensor | None:
        """Return the type embedding ``[ntypes, type_width]``; None in a model without one."""
        return None if self.type_embedding is None else self.type_embedding()

    def parameter_blocks(self) -> dict[str, tuple[Block, ...]]:
        """Return the blocks of the parameters that are not a single one; see `nn.blocks`."""
        blocks = self.fitting.blocks(self.descriptor.axes)
        return blocks if self.type_embedding is None else blocks | self.type_embedding.blocks()

    def tabulation(self, resolution: Resolution) -> Tabulation:
        """Return a tabulation of the descriptor with constant panels."""
        return Tabulation(self.descriptor.members, resolution.per_octave)

    def __call__(self, frames: Frames | PaddedFrames, tabulation: Tabulation | None = None) -> Prediction:
        """Return energies, forces and virials of a batch: over edges, or in the portable form for padded frames.

        Parameters
        ----------
        frames : Frames or PaddedFrames
            The batch.
        tabulation : Tabulation, optional
            Panels on which the embedding over edges is tabulated; by default it is evaluated at every edge.
        """
        type_table = self.type_table()
        environment = self.descriptor.environment(frames)
        descriptor = tf.cast(self.descriptor(environment, type_table, tabulation), tf.float64)
        atom_energy = self.fitting(
            descriptor,
            type_table,
            environment.center_type,
            environment.fparam,
            environment.aparam,
            product=environment.product,
        )
        energy = environment.frame_sum(atom_energy)
        gradients = tf.gradients(energy, environment.differentiable)
        virial, atom_virial = environment.virial(*gradients)
        return Prediction(
            energy,
            environment.force(*gradients),
            virial,
            atom_energy,
            atom_virial,
            descriptor,
            type_table,
            environment.max_neighbors,
        )

    def evaluate(self, frames: Frames, table: EmbeddingTable) -> Prediction:
        """Return the same in one pass over the atoms, through which nothing can be differentiated.

        Parameters
        ----------
        frames : Frames
            The batch.
        table : EmbeddingTable
            From ``self.descriptor.whole_table``.
        """
        type_table = self.type_table()
        # The op computes its own environment and descriptor; these run only if the descriptor itself is fetched.
        environment = self.descriptor.environment(frames)
        tabulation = self.tabulation(Resolution((table.panels.per_octave,)))
        descriptor = self.descriptor(environment, type_table, tabulation)
        of_centers = (environment.fparam, environment.aparam)
        config, normalization, panels = self.descriptor.config, self.descriptor.normalization, table.panels
        atom_energy, force, virial, atom_virial, max_neighbors = ops.evaluate_model(
            ops.FrameInputs(
                coord=frames.coord,
                type=frames.type,
                frame_splits=frames.splits,
                box=frames.box,
                periodic=frames.periodic,
                extra=self.fitting.extra(*of_centers, environment.natoms),
            ),
            ops.WholeModel(
                ops.DescriptorInputs(
                    avg=normalization.avg,
                    std_radial=normalization.std_radial,
                    std_angular=normalization.std_angular,
                    rcut=config.rcut,
                    rcut_smth=config.rcut_smth,
                    sel=config.sel,
                ),
                ops.TableInputs(panels.lowest, panels.unit, panels.per_octave, table.table, table.empty),
                ops.FittingInputs(**self.fitting.weights(type_table)._asdict()),
                ops.ModelOptions(
                    one_side=config.type_one_side,
                    exclude_types=config.exclude_types,
                    axis_neuron=config.axis_neuron,
                    activation=self.fitting.config.activation_function,
                ),
            ),
        )
        anchor = self.fitting.anchor(type_table, frames.type, *of_centers)
        if anchor is not None:
            atom_energy -= anchor
        return Prediction(
            environment.frame_sum(atom_energy),
            force,
            virial,
            atom_energy,
            atom_virial,
            tf.cast(descriptor, tf.float64),
            type_table,
            max_neighbors,
        )
