"""Evaluation of a graph with our `DeepPot`, frames to evaluate, and comparison of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepmd_tf import DeepPot

from ..frames import Frame, make_frame
from .peer import FIELDS


def frames_of(name: str, config=None, nframes: int = 2) -> dict[str, Any]:
    """Return several frames of the same atoms, as arguments of an evaluation."""
    frames: Sequence[Frame] = [make_frame(name, config=config, seed=seed) for seed in range(nframes)]

    def stacked(field: str):
        rows = [getattr(frame, field) for frame in frames]
        return None if rows[0] is None else np.stack(rows).reshape(nframes, -1)

    extras = {field: stacked(field) for field in ("fparam", "aparam")}
    return {"coord": stacked("coord"), "cells": stacked("cell"), "types": frames[0].types, **extras}


def evaluate(graph: Path, coord, cells, types, fparam=None, aparam=None) -> dict[str, np.ndarray]:
    """Return the outputs of our `DeepPot` by the names in `FIELDS`."""
    potential = DeepPot(graph)
    results = potential.eval(coord, cells, types, fparam, aparam, atomic=True)
    descriptor = potential.eval_descriptor(coord, cells, types, fparam, aparam)
    named = dict(zip(FIELDS, (*results, descriptor), strict=False))
    if potential.has_typeebd():
        named["typeebd"] = potential.eval_typeebd()
    return named


def assert_equal(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], tolerance: float) -> None:
    """Check that every output agrees to `tolerance`, relative to its largest magnitude."""
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        if name == "typeebd":  # in strip mode, DeePMD-kit appends a row of zeros for empty slots
            expected = expected[: len(ours[name])]
        scale = max(np.abs(expected).max(), 1e-3)
        np.testing.assert_allclose(ours[name], expected, rtol=0, atol=tolerance * scale, err_msg=name)
