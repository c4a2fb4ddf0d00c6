"""The potential: type embedding, descriptor and fitting net, and the forces and virial of their energy."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor import make_descriptor
from deepmd_tf.descriptor.frames import Frames, PaddedFrames
from deepmd_tf.descriptor.two_body import EmbeddingTable
from deepmd_tf.fitting import make_fitting
from deepmd_tf.model.type_embedding import TypeEmbedding
from deepmd_tf.nn.parameters import Parameters
from deepmd_tf.statistics import ModelStatistics


class Prediction(NamedTuple):
    """What a model says of a batch of frames (float64); atoms and centers of all frames stand one after another.

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
    max_neighbors : Tensor
        int32 ``[nmembers * ntypes]``, the largest number of neighbors of each type around any center, for each member
        of the descriptor.
    unresolved : Tensor
        Relative error that a tabulated embedding may have; 0 where it is not tabulated. One number, or ``[nmembers]``
        of a hybrid descriptor.
    """

    energy: tf.Tensor
    force: tf.Tensor
    virial: tf.Tensor
    atom_energy: tf.Tensor
    atom_virial: tf.Tensor
    descriptor: tf.Tensor
    type_table: tf.Tensor | None
    max_neighbors: tf.Tensor
    unresolved: tf.Tensor


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
        """The type embedding ``[ntypes, type_width]``; None in a model without."""
        return None if self.type_embedding is None else self.type_embedding()

    def __call__(self, frames: Frames | PaddedFrames) -> Prediction:
        """Energies, forces and virials of a batch: over edges, or in the portable form for padded frames."""
        type_table = self.type_table()
        environment = self.descriptor.environment(frames)
        descriptor, unresolved = self.descriptor(environment, type_table)
        descriptor = tf.cast(descriptor, tf.float64)
        atom_energy = self.fitting(
            descriptor,
            type_table,
            environment.center_type,
            environment.fparam,
            environment.aparam,
            product=ops.dense_product if isinstance(frames, Frames) else tf.matmul,
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
            unresolved,
        )

    def evaluate(self, frames: Frames, table: EmbeddingTable) -> Prediction:
        """The same in one pass over the atoms, which nothing can be differentiated through.

        Parameters
        ----------
        frames : Frames
            The batch.
        table : EmbeddingTable
            From ``self.descriptor.whole_table``.
        """
        type_table = self.type_table()
        # Of these two, an evaluation runs only what somebody asks for: the descriptor.
        environment = self.descriptor.environment(frames)
        descriptor, _ = self.descriptor(environment, type_table)
        of_centers = (environment.fparam, environment.aparam)
        config, normalization = self.descriptor.config, self.descriptor.normalization
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
                ops.TableInputs(table.lowest, table.unit, table.per_octave, table.table, table.empty),
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
            tf.constant(table.unresolved),
        )
