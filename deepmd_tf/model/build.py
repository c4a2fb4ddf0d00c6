"""A trainable model, new or with given parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deepmd_tf.config import ModelConfig
from deepmd_tf.errors import InputError
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.model.type_embedding import with_distinct_types
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import ModelStatistics


class TrainableModel(NamedTuple):
    """A model and its parameters.

    Attributes
    ----------
    model : EnergyModel
        The model.
    parameters : TrainableParameters
        Its variables by name; some may not be trainable.
    """

    model: EnergyModel
    parameters: TrainableParameters

    def trainable_variables(self) -> dict[str, tf.Variable]:
        """Return the trainable variables by name; raise `InputError` when there are none."""
        variables = {name: variable for name, variable in self.parameters.by_name.items() if variable.trainable}
        if not variables:
            raise InputError("model: every part has trainable false, so there is nothing to train")
        return variables


def new_model(config: ModelConfig, statistics: ModelStatistics) -> TrainableModel:
    """Build a model with random initial parameters; the vectors of its species differ from the beginning."""
    if config.type_embedding is not None:
        type_embedding = with_distinct_types(config.type_embedding, config.type_map)
        config = dataclasses.replace(config, type_embedding=type_embedding)
    parameters = TrainableParameters()
    return TrainableModel(EnergyModel(config, statistics=statistics, parameters=parameters), parameters)


def model_with(config: ModelConfig, values: Mapping[str, np.ndarray]) -> TrainableModel:
    """Build a model with given parameters and statistics, by name."""
    parameters = TrainableParameters(values)
    blank = ModelStatistics.blank(config)
    return TrainableModel(EnergyModel(config, statistics=blank, parameters=parameters), parameters)
