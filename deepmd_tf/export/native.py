"""The native graph: the whole model as one compiled op, with the usual input and output nodes.

The embedding is tabulated when the graph is written, down to the distance `NEAREST` and exact to rounding. Models
without a table (activation functions with kinks, very many pairs of species) and descriptors that the op does not
support give a composed graph instead, which consists of the operations of training.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepmd_tf.config import Config
from deepmd_tf.descriptor.tabulation import Resolution
from deepmd_tf.descriptor.two_body import EmbeddingTable
from deepmd_tf.export import nodes
from deepmd_tf.export.folding import fold_inputs
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.nn.parameters import FrozenParameters
from deepmd_tf.statistics import ModelStatistics

log = logging.getLogger("deepmd_tf")

NEAREST = 0.02
"""Distance (Å) down to which the embedding is tabulated; closer atoms are an error."""

_MAX_BYTES = 2**28


def native_graph(config: Config, values: Mapping[str, np.ndarray], min_distance: float) -> tf.compat.v1.GraphDef:
    """Write a model as a frozen graph of this package's own ops.

    Parameters
    ----------
    config : Config
        Configuration of the run that trained the model; stored in the graph.
    values : mapping of str to ndarray
        All parameters by name.
    min_distance : float
        Shortest distance between two atoms of the training data (Å).

    Returns
    -------
    GraphDef
        The graph. It has the placeholders and outputs of the portable graph and gives the same numbers, but includes
        neighbors beyond `sel`.
    """
    model = eager_model(config, values)
    resolution = Resolution.reaching(model.descriptor.members, model.type_table(), NEAREST)
    return write_graph(config, values, min_distance, _table(model, resolution), resolution)


def eager_model(config: Config, values: Mapping[str, np.ndarray]) -> EnergyModel:
    """Return the model with constant parameters in the default graph."""
    statistics = ModelStatistics.blank(config.model)
    return EnergyModel(config.model, statistics=statistics, parameters=FrozenParameters(values))


def write_graph(
    config: Config,
    values: Mapping[str, np.ndarray],
    min_distance: float,
    table: EmbeddingTable | None,
    resolution: Resolution | None = None,
    *,
    model_type: str = "original_model",
) -> tf.compat.v1.GraphDef:
    """Write a model with the table of its embedding; see `native_graph`.

    Parameters
    ----------
    table : EmbeddingTable or None
        In arrays; None for a composed graph, which evaluates the embedding as training does.
    resolution : Resolution, optional
        Panels on which a composed graph tabulates the embedding in every evaluation; not used with a table.
    model_type : str
        Value of the constant ``model_type``.
    """
    fitting = config.model.fitting_net
    with tf.Graph().as_default() as graph:
        frames = nodes.placeholders(len(config.model.type_map), fitting.numb_fparam, fitting.numb_aparam)
        nodes.attributes(config, min_distance, model_type)
        model = eager_model(config, values)
        flat = frames.flat()
        if table is not None:
            prediction = model.evaluate(flat, table)
        else:
            prediction = model(flat, None if resolution is None else model.tabulation(resolution))
        nodes.outputs(prediction, frames)
        result = graph.as_graph_def()
    fold_inputs(result, "EvaluateModel")
    return result


def _table(model: EnergyModel, resolution: Resolution) -> EmbeddingTable | None:
    """Return the table of the embedding, in arrays; None when the graph must be composed."""
    descriptor = model.descriptor
    if not resolution.complete:
        log.info("the embedding net has kinks or is too steep for a table; the graph evaluates it at every neighbor")
        return None
    if not descriptor.in_one_op:
        return None
    (per_octave,) = resolution.per_octave
    size = descriptor.table_bytes(NEAREST, per_octave)
    if size > _MAX_BYTES:
        log.info(
            "the table of the embedding would take %d MB, so the graph tabulates it in every evaluation", size >> 20
        )
        return None
    return descriptor.whole_table(model.type_table(), NEAREST, per_octave).arrays()
