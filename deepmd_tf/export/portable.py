"""The portable graph: DeePMD-kit's ops and standard TensorFlow ops, with DeePMD-kit's node names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepmd_tf.config import Config
from deepmd_tf.export import nodes
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.nn.parameters import FrozenParameters
from deepmd_tf.statistics import ModelStatistics


def portable_graph(config: Config, values: Mapping[str, np.ndarray], min_distance: float) -> tf.compat.v1.GraphDef:
    """Write a model as a frozen graph that DeePMD-kit can load.

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
        The graph.
    """
    model_config = config.model
    fitting = model_config.fitting_net
    ntypes = len(model_config.type_map)
    with tf.Graph().as_default() as graph:
        frames = nodes.placeholders(ntypes, fitting.numb_fparam, fitting.numb_aparam)
        nodes.attributes(config, min_distance)
        statistics = ModelStatistics.blank(model_config)
        model = EnergyModel(model_config, statistics=statistics, parameters=FrozenParameters(values))
        nodes.outputs(model(frames), frames)
        return graph.as_graph_def()
