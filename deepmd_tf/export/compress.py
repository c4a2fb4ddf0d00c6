"""`dp compress`: the native graph of a frozen model with a smaller table of its embedding, for a given accuracy.

The embedding is tabulated as it was trained, type embedding included: for every code it is a function of one variable
(see `RadialEmbedding`). `dp freeze` already writes a native graph with a table, exact to rounding and reaching to
`native.NEAREST`. This one is smooth to the second derivative, reaches as far as the training data and a factor beyond,
and has no more panels and terms than the accuracy needs.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmd_tf.config import Config, parse_config
from deepmd_tf.descriptor.se_e2_a import SeE2A
from deepmd_tf.descriptor.smooth_table import (
    FEWEST_TERMS,
    MAX_TERMS,
    EmbeddingCurves,
    PanelGrid,
    TableErrors,
    smooth_table,
    table_errors,
)
from deepmd_tf.descriptor.two_body import UNIT
from deepmd_tf.errors import InputError
from deepmd_tf.export.graph_def import GraphDef
from deepmd_tf.export.native import eager_model, write_graph
from deepmd_tf.export.start import start_from_graph
from deepmd_tf.ops import Panels
from deepmd_tf.transfer.start import Start

ACCURACY = 1e-10
"""Default for the largest error of a component of G divided by the largest component."""

MAX_BYTES = 2**30
"""Largest table that is written."""

_MAX_PER_OCTAVE = 64


@dataclass(frozen=True)
class CompressOptions:
    """Requirements on the table.

    Attributes
    ----------
    accuracy : float, optional
        Largest error of a component of G divided by the largest component; `ACCURACY` unless `step` is given.
    step : float, optional
        Width of the panels in the first octave of the normalized radial column; without `accuracy` the table is then a
        quintic.
    extrapolate : float
        The table reaches down to the shortest distance of the training data divided by this.
    fitting_precision : str, optional
        Precision of the fitting net, ``"float64"`` or ``"float32"``; as trained by default.
    """

    accuracy: float | None = None
    step: float | None = None
    extrapolate: float = 5.0
    fitting_precision: str | None = None


@dataclass(frozen=True)
class Compressed:
    """A compressed graph and the properties of its table.

    Attributes
    ----------
    graph : GraphDef
        The graph.
    grid : PanelGrid
        The panels.
    terms : int
        Length of the series on a panel.
    nbytes : int
        Size of the table.
    shortest, reach : float
        Shortest distance in the training data, and smallest distance in the table (Å).
    within, beyond : TableErrors
        Errors of the table down to the shortest distance of the training data, and everywhere.
    """

    graph: GraphDef
    grid: PanelGrid
    terms: int
    nbytes: int
    shortest: float
    reach: float
    within: TableErrors
    beyond: TableErrors


def compress_graph(path: str | Path, options: CompressOptions, shortest: float | None = None) -> Compressed:
    """Tabulate the embedding of a frozen graph, ours or DeePMD-kit's.

    Parameters
    ----------
    path : str or Path
        The graph, with the weights of its nets.
    options : CompressOptions
        Requirements on the table.
    shortest : float, optional
        Shortest distance in the training data (Å), for a graph that does not store it.

    Raises
    ------
    InputError
        When the graph is refused, is no model that can be tabulated, or its table would be too large.
    """
    start = start_from_graph(path)
    config = _config_of(start, options)
    shortest = _shortest(start, shortest)
    model = eager_model(config, start.values)
    descriptor, type_table = model.descriptor, model.type_table()
    _check_smooth(descriptor, config, path)
    curves = EmbeddingCurves(descriptor.embedding, type_table)
    reach = shortest / options.extrapolate
    grid, terms, table = _smallest(curves, descriptor, reach, options)
    within = table_errors(curves, grid, table, until=descriptor.highest(shortest))
    beyond = table_errors(curves, grid, table)
    whole = descriptor.as_table(table, grid.panels, type_table, beyond.relative).arrays()
    graph = write_graph(config, start.values, shortest, whole, model_type="compressed_model")
    return Compressed(graph, grid, terms, whole.table.nbytes, shortest, reach, within, beyond)


def _config_of(start: Start, options: CompressOptions) -> Config:
    """Return the configuration of the model of a graph."""
    script = {**start.script, "model": start.model}
    try:
        config = parse_config(script, source=f"{start.origin}: train_attr/training_script")
        config = start.adopt(config)
    except InputError as error:
        raise InputError(f"{start.origin}: its model cannot be rebuilt: {error}") from error
    if options.fitting_precision is None:
        return config
    fitting = dataclasses.replace(config.model.fitting_net, precision=options.fitting_precision)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, fitting_net=fitting))


def _shortest(start: Start, given: float | None) -> float:
    stored = start.facts["min_nbor_dist"]
    shortest = stored if math.isfinite(stored) and stored > 0 else given
    if shortest is None or not math.isfinite(shortest):
        raise InputError(
            f"{start.origin}: the graph does not store the shortest distance in its training data "
            "(train_attr/min_nbor_dist), to which the table must reach; name the data with --system"
        )
    return float(shortest)


def _check_smooth(descriptor, config: Config, path: str | Path) -> None:
    kind = config.model.descriptor.type
    if not isinstance(descriptor, SeE2A):
        raise InputError(
            f"{path}: a descriptor of type {kind} has no compressed form; compressed are se_e2_a and se_a_ebd_v2. The "
            "native graph that `dp freeze` writes tabulates its embedding already"
        )
    if not descriptor.embedding.smooth:
        raise InputError(
            f"{path}: the embedding net has kinks (activation_function "
            f"'{config.model.descriptor.activation_function}'), which no table with continuous derivatives can follow; "
            "use the native graph that `dp freeze` writes"
        )


def _smallest(
    curves: EmbeddingCurves, descriptor: SeE2A, reach: float, options: CompressOptions
) -> tuple[PanelGrid, int, np.ndarray]:
    """Return the smallest table with the required accuracy."""
    lowest, highest = descriptor.lowest, descriptor.highest(reach)

    def grid_of(per_octave):
        panels = Panels(lowest, UNIT, per_octave)
        return PanelGrid(panels, panels.count(highest))

    if options.step is not None:
        grid = grid_of(max(1, math.ceil(UNIT / options.step)))
        found = _shortest_series(curves, grid, options.accuracy or math.inf)
        if found is None:
            raise InputError(
                f"--step {options.step:g}: series of {MAX_TERMS} terms on panels so wide miss --accuracy "
                f"{options.accuracy:g}; leave out one of the two, or give a smaller step"
            )
        return grid, *found
    best = None
    accuracy = options.accuracy or ACCURACY
    for per_octave in (2**k for k in range(_MAX_PER_OCTAVE.bit_length())):
        grid = grid_of(per_octave)
        if best is not None and grid.npanels * FEWEST_TERMS >= best[0].npanels * best[1]:
            break
        found = _shortest_series(curves, grid, accuracy)
        if found is not None and (best is None or grid.npanels * found[0] < best[0].npanels * best[1]):
            best = (grid, *found)
    if best is None:
        raise InputError(
            f"--accuracy {accuracy:g}: the embedding net is too steep for a table so accurate; ask for less, or use "
            "the native graph that `dp freeze` writes"
        )
    return best


def _shortest_series(curves: EmbeddingCurves, grid: PanelGrid, accuracy: float) -> tuple[int, np.ndarray] | None:
    for terms in range(FEWEST_TERMS, MAX_TERMS + 1, 2):
        nbytes = 8 * curves.ncodes * grid.npanels * terms * curves.width
        if nbytes > MAX_BYTES:
            raise InputError(
                f"the table of {curves.ncodes} codes would take {nbytes >> 20} MB, more than {MAX_BYTES >> 20}; "
                "ask for less accuracy, or train with type_one_side or in strip mode (se_a_ebd_v2)"
            )
        table = smooth_table(curves, grid, terms)
        if accuracy == math.inf or table_errors(curves, grid, table).relative <= accuracy:
            return terms, table
    return None
