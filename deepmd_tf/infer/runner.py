"""A frozen graph in a TensorFlow session: feeds in, arrays out."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from deepmd_tf import ops
from deepmd_tf.errors import InputError, first_line
from deepmd_tf.export.graph_def import constants, read_graph_def, with_counts

log = logging.getLogger("deepmd_tf")

FEEDS = ("t_coord", "t_type", "t_natoms", "t_box", "t_mesh", "t_fparam", "t_aparam")


class GraphRunner:
    """Runs a frozen graph, ours or one that DeePMD-kit froze.

    Parameters
    ----------
    path : str or Path
        The ``.pb`` file.

    Attributes
    ----------
    constants : dict of ndarray
        The graph's constants by name.
    feed_names : tuple of str
        What it is fed with.
    any_order : bool
        Whether atoms may come in any order, and frames of different compositions together, as in native graphs; others
        expect atoms sorted by type, and one composition.

    Raises
    ------
    InputError
        When the graph is refused (see `read_graph_def`).
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        ops.load()
        graph_def = read_graph_def(self.path)
        self.constants = constants(graph_def, self.path)
        self._graph = tf.Graph()
        try:
            with self._graph.as_default():
                tf.import_graph_def(with_counts(graph_def), name="")
        except (ValueError, KeyError, tf.errors.OpError) as error:
            raise InputError(f"{self.path}: the graph is inconsistent: {first_line(error)}") from error
        kinds = {op.name: op.type for op in self._graph.get_operations()}
        self.feed_names = tuple(name for name in FEEDS if name in kinds)
        self.any_order = "FlatFrames" in kinds.values()
        self._session = tf.compat.v1.Session(graph=self._graph, config=_session_config(kinds.values()))
        # What the environment ops count, and their sel.
        self._counts, self._sel = [], []
        for op in self._graph.get_operations():
            if op.type in ("ProdEnvMatACounted", "ProdEnvMatRCounted"):
                self._counts.append(f"{op.name}:4")
                self._sel.append(tuple(op.get_attr("sel_a" if op.type == "ProdEnvMatACounted" else "sel")))
        self._callables: dict[tuple[str, ...], object] = {}
        self._reported: tuple[int, ...] | None = None

    def constant(self, name: str):
        """Value of the constant `name`; raises `InputError` when the graph lacks it."""
        if name not in self.constants:
            raise InputError(f"{self.path}: the graph lacks the constant {name}")
        return self.constants[name]

    def text(self, name: str) -> str:
        """Value of the string constant `name`."""
        value = self.constant(name).item()
        return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)

    def has(self, name: str) -> bool:
        """Whether the graph has a node `name`."""
        return name in self.constants or any(op.name == name for op in self._graph.get_operations())

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute the nodes `outputs`.

        Raises
        ------
        InputError
            With what the compiled ops say of the feeds.
        """
        key = tuple(outputs)
        if key not in self._callables:
            missing = [name for name in outputs if not self.has(name)]
            if missing:
                raise InputError(f"{self.path}: the graph has no output {', '.join(missing)}")
            fetches = [f"{name}:0" for name in outputs] + self._counts
            options = CallableOptions(feed=[f"{name}:0" for name in self.feed_names], fetch=fetches)
            # What `make_callable` does for graphs with feeds takes half a millisecond a call longer.
            self._callables[key] = self._session._make_callable_from_options(options)
        try:
            results = self._callables[key](*(feeds[name] for name in self.feed_names))
        except tf.errors.OpError as error:
            raise InputError(f"{self.path}: {ops.op_message(error)}") from error
        for count, sel in zip(results[len(outputs) :], self._sel, strict=True):
            self._report_overflow(count, sel)
        return results[: len(outputs)]

    def run_only(self, output: str) -> np.ndarray:
        """Compute a node that depends on no feed, such as ``t_typeebd``."""
        if not self.has(output):
            raise InputError(f"{self.path}: the graph has no output {output}")
        return self._session.run(f"{output}:0")

    def _report_overflow(self, count: np.ndarray, sel: tuple[int, ...]) -> None:
        """Say once, and again when it grows, that centers have more neighbors than the model has slots."""
        if not (count > sel).any():
            return
        enough = tuple(int(n) for n in np.maximum(sel, count))
        if self._reported is None or any(np.array(enough) > np.array(self._reported)):
            self._reported = enough
            log.warning(
                "%s: atoms have up to %s neighbors of each type (%s) but the model takes sel %s: this portable graph "
                "leaves out the farthest; freeze without --portable, or train with sel %s",
                self.path,
                count.tolist(),
                self.text("model_attr/tmap"),
                list(sel),
                list(enough),
            )


def _session_config(kinds: Collection[str]) -> tf.compat.v1.ConfigProto:
    """How to run a graph with operations of these kinds: where one of them does everything, without a scheduler.

    With a GPU there are copies to and from it, and an executor of one thread may wait for one that it has yet to start.
    """
    config = tf.compat.v1.ConfigProto()
    if "EvaluateModel" in kinds and not tf.config.get_visible_devices("GPU"):
        config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    return config
