"""Our portable graphs give the same results in DeePMD-kit's `DeepPot` as in ours."""

from __future__ import annotations

import numpy as np
import pytest

from ..frames import FRAMES
from ..models import VARIANTS, graph_file, variant_config
from .comparison import assert_equal, evaluate, frames_of


def tolerance(name: str) -> float:
    return 2e-6 if "float32" in name else 1e-10


@pytest.mark.parametrize("name", VARIANTS)
def test_variants(peer, name):
    frames = frames_of("triclinic", variant_config(name))
    assert_equal(evaluate(graph_file(name), **frames), peer.evaluate(graph_file(name), **frames), tolerance(name))


@pytest.mark.parametrize("shape", FRAMES)
@pytest.mark.parametrize("name", ["one_side", "two_sides", "fparam_aparam", "exclude_like", "three_types"])
def test_cells(peer, name, shape):
    frames = frames_of(shape, variant_config(name))
    assert_equal(evaluate(graph_file(name), **frames), peer.evaluate(graph_file(name), **frames), tolerance(name))


def test_one_atom(peer):
    graph = graph_file("two_sides")
    frames = {"coord": np.zeros((1, 3)), "cells": None, "types": np.array([1])}
    assert_equal(evaluate(graph, **frames), peer.evaluate(graph, **frames), 1e-10)


def test_one_atom_and_its_images(peer):
    graph = graph_file("two_sides")
    frames = {"coord": np.full((1, 3), 0.3), "cells": np.diag([2.5, 2.6, 2.7]).reshape(1, 9), "types": np.array([0])}
    assert_equal(evaluate(graph, **frames), peer.evaluate(graph, **frames), 1e-10)


def test_absent_type(peer):
    graph = graph_file("three_types")
    frames = frames_of("triclinic", variant_config("three_types"))
    frames["types"] = np.where(frames["types"] == 1, 2, frames["types"])
    assert_equal(evaluate(graph, **frames), peer.evaluate(graph, **frames), 1e-10)
