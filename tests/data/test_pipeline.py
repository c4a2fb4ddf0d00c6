"""The `tf.data` pipeline yields what the sampler says, for ever, and lets go when it is dropped."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from deepmd_tf.data import Sampler, feed, load_system

from .conftest import TYPE_MAP, write_system

tf = pytest.importorskip("tensorflow")
pipeline = pytest.importorskip("deepmd_tf.data.pipeline")


@pytest.fixture
def systems(tmp_path):
    """Systems that differ in size, labels and periodicity."""
    return [
        load_system(write_system(tmp_path / "a", labels=["energy", "force"]), TYPE_MAP),
        load_system(write_system(tmp_path / "b", types=(1, 0, 1, 0, 1), periodic=False, labels=["energy"]), TYPE_MAP),
        load_system(
            write_system(tmp_path / "c", types=(0,), labels=["virial", "atom_ener", "fparam", "aparam"]), TYPE_MAP
        ),
    ]


@pytest.fixture(params=[[2, 1, 3], "mixed:5"], ids=str)
def sampler(systems, request):
    return Sampler(systems, request.param, seed=4)


def check(batch, systems, sampler, step):
    expected = feed([systems[isystem].frames(frames) for isystem, frames in sampler.batch_at(step)])
    assert set(batch) == set(expected)
    for name, tensor in batch.items():
        np.testing.assert_array_equal(tensor.numpy(), expected[name], err_msg=name)
        assert tensor.numpy().dtype == expected[name].dtype


@pytest.mark.parametrize("start", [0, 5, 1000])
def test_batches_are_those_of_the_sampler(systems, sampler, start):
    batches = pipeline.dataset(systems, sampler, start)
    for step, batch in zip(range(start, start + 30), batches, strict=False):
        check(batch, systems, sampler, step)


@pytest.mark.parametrize("count", [0, 1, pipeline.STEPS_PER_CALL, pipeline.STEPS_PER_CALL + 3])
def test_it_stops_where_it_is_told(systems, sampler, count):
    steps = list(pipeline.dataset(systems, sampler, 10, 10 + count))
    assert len(steps) == count
    for step, batch in enumerate(steps, start=10):
        check(batch, systems, sampler, step)


def test_one_batch_without_a_dataset(systems, sampler):
    for step in range(10):
        check(pipeline.batch_at(systems, sampler, step), systems, sampler, step)


def test_one_trace_serves_every_batch(systems, sampler):
    traces = 0

    @tf.function(input_signature=[pipeline.signature()])
    def step(batch):
        nonlocal traces
        traces += 1
        return tf.reduce_sum(batch["coord"]) + tf.cast(batch["frame_splits"][-1], tf.float64)

    for name, spec in pipeline.dataset(systems, sampler).element_spec.items():
        assert pipeline.signature()[name].is_compatible_with(spec)
    for batch in pipeline.dataset(systems, sampler, 0, 20):
        step(batch)
    assert traces == 1


def test_shapes_are_known_as_far_as_possible(systems, sampler):
    spec = pipeline.dataset(systems, sampler).element_spec
    assert {name: spec[name].shape.as_list() for name in ("coord", "force", "box", "virial", "energy", "fparam")} == {
        "coord": [None, 3],
        "force": [None, 3],
        "box": [None, 9],
        "virial": [None, 9],
        "energy": [None],
        "fparam": [None, None],
    }


def test_dropping_the_iterator_leaves_no_thread(systems, sampler):
    before = threading.active_count()
    for _ in range(3):
        iterator = iter(pipeline.dataset(systems, sampler))
        next(iterator)
        del iterator
        gc.collect()
    assert threading.active_count() == before


@pytest.mark.slow
def test_a_program_ends_in_the_middle_of_an_endless_dataset(tmp_path):
    write_system(tmp_path / "s")
    script = (
        "from deepmd_tf.data import Sampler, load_systems\n"
        "from deepmd_tf.data.pipeline import dataset\n"
        f"systems = load_systems({str(tmp_path)!r}, ['O', 'H'])\n"
        "iterator = iter(dataset(systems, Sampler(systems, 1, seed=1)))\n"
        "print(next(iterator)['coord'].shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "(3, 3)"), done.stderr


def test_only_the_pipeline_needs_tensorflow():
    script = (
        "import sys, deepmd_tf.config, deepmd_tf.data\n"
        "assert not [name for name in sys.modules if name.startswith('tensorflow')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
