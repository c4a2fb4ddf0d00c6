"""The collection that is made for measuring start-up is data that a program can train on."""

from __future__ import annotations

from benchmarks.collection import TYPE_MAP, collection_input, write_collection
from deepmd_tf.config import parse_config
from deepmd_tf.data import load_systems
from deepmd_tf.statistics import survey


def test_it_is_valid_and_fits_its_input(tmp_path):
    paths, nframes = write_collection(tmp_path, 10)
    config = parse_config(collection_input(paths))
    systems = load_systems(config.training.training_data.systems, config.model.type_map)
    assert (len(systems), sum(system.nframes for system in systems)) == (10, nframes) == (10, 16)
    assert {system.labels for system in systems} == {frozenset({"energy", "force"})}
    seen = survey(systems, len(TYPE_MAP), config.model.descriptor.rcut, 0.5).neighbors
    assert (seen.max_neighbors <= config.model.descriptor.sel).all()
    assert 1.0 < seen.min_distance < 2.2
