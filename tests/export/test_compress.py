"""A compressed graph: the numbers of the graph it was made of, a table that is smooth and as accurate as it says."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.export.compress import CompressOptions, compress_graph
from deepmd_tf.export.graph_def import constants
from deepmd_tf.files import atomic_write
from deepmd_tf.infer import DeepPot

from ..frames import make_frame
from ..models import KINKED, graph_file, native_potential, potential, variant_config
from ..tiers import slow_but

NAMES = (
    "one_side", "two_sides", "three_types", "residual_two_sides", "exclude_like", "set_davg_zero", "fparam_aparam",
    "atom_ener", "gelu", "plain_one_side", "plain_three_types", "plain_atom_ener", "strip_one_side", "strip_two_sides",
)  # fmt: skip


def compressed(tmp_path, name: str, options: CompressOptions | None = None):
    result = compress_graph(graph_file(name), options or CompressOptions())
    path = tmp_path / "compressed.pb"
    atomic_write(path, result.graph.SerializeToString(deterministic=True))
    return result, DeepPot(path)


def evaluate(each: DeepPot, name: str, shape: str = "triclinic"):
    frame = make_frame(shape, config=variant_config(name))
    return each.eval(frame.coord, frame.cell, frame.types, frame.fparam, frame.aparam, atomic=True)


@pytest.mark.parametrize("name", slow_but(NAMES[::3], NAMES))
def test_same_numbers(name, tmp_path):
    _, got = compressed(tmp_path, name)
    for shape in ("triclinic", "open"):
        for actual, desired in zip(evaluate(got, name, shape), evaluate(potential(name), name, shape), strict=True):
            np.testing.assert_allclose(actual, desired, rtol=0, atol=1e-8 * max(1, np.abs(desired).max()))


def test_accuracy_is_kept_and_no_more(tmp_path):
    sizes = []
    for accuracy in (1e-4, 1e-7, 1e-10):
        result, _ = compressed(tmp_path, "two_sides", CompressOptions(accuracy=accuracy))
        assert 1e-5 * accuracy < result.beyond.relative <= accuracy
        assert result.within.value <= result.beyond.value
        sizes.append(result.nbytes)
    assert sizes[0] < sizes[1] < sizes[2]


def test_step_gives_a_quintic(tmp_path):
    result, _ = compressed(tmp_path, "one_side", CompressOptions(step=0.125))
    assert result.terms == 6 and result.grid.panels.per_octave == 32
    half, _ = compressed(tmp_path, "one_side", CompressOptions(step=0.03125))
    order = np.log2(result.beyond.value / half.beyond.value) / 2
    assert order == pytest.approx(6, abs=0.7)


def table_of(result):
    return next(
        value for name, value in constants(result.graph).items() if value.ndim == 4 and value.shape[2] == result.terms
    )


def test_second_derivatives_are_continuous(tmp_path):
    result, _ = compressed(tmp_path, "two_sides", CompressOptions(accuracy=1e-4))
    table, width = table_of(result), np.diff(result.grid.edges)
    series = np.polynomial.chebyshev
    for order in range(3):
        slopes = series.chebder(table.transpose(2, 0, 1, 3), order) * (2 / width[:, None]) ** order
        left, right = (series.chebval(end, slopes) for end in (1.0, -1.0))
        scale = np.abs(left).max()
        np.testing.assert_allclose(left[:, :-1], right[:, 1:], rtol=0, atol=1e-8 * scale)
    jump = series.chebder(table.transpose(2, 0, 1, 3), 3) * (2 / width[:, None]) ** 3
    assert np.abs(series.chebval(1.0, jump)[:, :-1] - series.chebval(-1.0, jump)[:, 1:]).max() > 1e-6


def pair(distance: float):
    return np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, distance]]]), None, [0, 1]


def test_reach(tmp_path):
    result, got = compressed(tmp_path, "one_side", CompressOptions(extrapolate=3.0))
    assert result.reach == pytest.approx(0.3)
    near = pair(0.301)
    expected = native_potential("one_side").eval(*near)
    for actual, desired in zip(got.eval(*near), expected, strict=True):
        np.testing.assert_allclose(actual, desired, rtol=1e-7)
    with pytest.raises(InputError, match=r"atoms 0 and 1 are 0\.1 Å apart, nearer than the model's table reaches"):
        got.eval(*pair(0.1))


def test_fitting_net_in_single_precision(tmp_path):
    _, got = compressed(tmp_path, "one_side", CompressOptions(fitting_precision="float32"))
    actual, desired = evaluate(got, "one_side"), evaluate(potential("one_side"), "one_side")
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(actual, desired, strict=True))
    assert 1e-9 < error < 1e-5


def test_compressed_again(tmp_path):
    first, _ = compressed(tmp_path, "strip_two_sides", CompressOptions(accuracy=1e-4))
    path = tmp_path / "first.pb"
    atomic_write(path, first.graph.SerializeToString())
    assert constants(first.graph)["model_type"].item() == b"compressed_model"
    again = compress_graph(path, CompressOptions())
    assert again.graph == compressed(tmp_path, "strip_two_sides")[0].graph


def test_other_descriptors_are_refused():
    with pytest.raises(InputError, match="a descriptor of type se_e2_r has no compressed form"):
        compress_graph(graph_file("radial_one_side"), CompressOptions())


@pytest.mark.parametrize("name", sorted(name for name in KINKED if not name.startswith(("pairs", "radial", "hybrid"))))
def test_kinks_are_refused(name):
    with pytest.raises(InputError, match="has kinks"):
        compress_graph(graph_file(name), CompressOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CompressOptions(accuracy=1e-30), "--accuracy 1e-30: the embedding net is too steep"),
        (CompressOptions(step=2.0, accuracy=1e-12), "--step 2: series of 18 terms on panels so wide miss --accuracy"),
    ],
)
def test_refused(options, message):
    with pytest.raises(InputError, match=message):
        compress_graph(graph_file("two_sides"), options)


def test_shortest_distance_must_be_known(tmp_path):
    graph = compress_graph(graph_file("one_side"), CompressOptions()).graph
    for node in graph.node:
        if node.name == "train_attr/min_nbor_dist":
            node.name = "forgotten"
    path = tmp_path / "graph.pb"
    atomic_write(path, graph.SerializeToString())
    with pytest.raises(InputError, match="name the data with --system"):
        compress_graph(path, CompressOptions())
    assert compress_graph(path, CompressOptions(), 0.8).shortest == 0.8
