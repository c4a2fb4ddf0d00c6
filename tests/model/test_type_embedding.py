"""The initial type embedding tells species apart."""

import dataclasses

import numpy as np
import pytest

from deepmd_tf.config import TypeEmbeddingConfig
from deepmd_tf.model.type_embedding import TypeEmbedding, with_distinct_types
from deepmd_tf.nn.parameters import TrainableParameters


def smallest_distance(config, type_map):
    table = TypeEmbedding(config, type_map=type_map, parameters=TrainableParameters())().numpy()
    pairs = np.triu_indices(len(type_map), 1)
    return np.linalg.norm(table[pairs[0]] - table[pairs[1]], axis=1).min()


@pytest.mark.parametrize("type_map", [("O", "H"), ("Cu", "Ag", "Au", "Ni", "Pd", "Pt", "Al")])
def test_no_seed_leaves_two_species_nearly_alike(type_map):
    config = TypeEmbeddingConfig(neuron=(2, 4, 8))
    typical = np.median(
        [smallest_distance(dataclasses.replace(config, seed=seed), type_map) for seed in range(100, 120)]
    )
    for seed in range(10):
        chosen = with_distinct_types(dataclasses.replace(config, seed=seed), type_map)
        assert smallest_distance(chosen, type_map) > typical


def test_choice_follows_from_the_seed():
    config = TypeEmbeddingConfig(neuron=(2, 4), seed=5)
    assert with_distinct_types(config, ("O", "H")) == with_distinct_types(config, ("O", "H"))
    other = dataclasses.replace(config, seed=6)
    assert with_distinct_types(config, ("O", "H")) != with_distinct_types(other, ("O", "H"))


def test_one_species_has_no_one_to_differ_from():
    config = TypeEmbeddingConfig(neuron=(2,), seed=1)
    assert with_distinct_types(config, ("O",)).neuron == (2,)
