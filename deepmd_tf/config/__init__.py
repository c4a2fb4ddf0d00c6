"""The input file of `dp train`: its keys, their defaults, and the conversion of a file to a `Config`."""

from deepmd_tf.config.arguments import arguments
from deepmd_tf.config.energy_fitting import EnergyFittingConfig
from deepmd_tf.config.json_schema import json_schema
from deepmd_tf.config.learning_rate import LearningRateConfig
from deepmd_tf.config.loss import LossConfig
from deepmd_tf.config.model import ModelConfig
from deepmd_tf.config.parse import load_config, parse_config
from deepmd_tf.config.reference import doc_train_input
from deepmd_tf.config.root import Config
from deepmd_tf.config.se_e2_a import SeE2AConfig
from deepmd_tf.config.serialize import config_to_dict
from deepmd_tf.config.training import DataConfig, TrainingConfig, ValidationDataConfig
from deepmd_tf.config.type_embedding import TypeEmbeddingConfig

__all__ = [
    "Config",
    "DataConfig",
    "EnergyFittingConfig",
    "LearningRateConfig",
    "LossConfig",
    "ModelConfig",
    "SeE2AConfig",
    "TrainingConfig",
    "TypeEmbeddingConfig",
    "ValidationDataConfig",
    "arguments",
    "config_to_dict",
    "doc_train_input",
    "json_schema",
    "load_config",
    "parse_config",
]
