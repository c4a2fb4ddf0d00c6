"""Run a frozen graph in a TensorFlow session."""

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
    """Runs a frozen graph of this package or of DeePMD-kit.

    Parameters
    ----------
    path : str or Path
        Path of the ``.pb`` file.

    Attributes
    ----------
    constants : dict of ndarray
        Constants of the graph by name.
    feed_names : tuple of str
        Names of the placeholders.
    any_order : bool
        True if the graph takes atoms in any order and frames of different compositions together, as native graphs do.
        Other graphs expect atoms sorted by type, and frames of one composition.

    Raises
    ------
    InputError
        If the graph cannot be used, see `read_graph_def`.
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
        # Neighbor counts of the environment ops, and their sel.
        self._counts, self._sel = [], []
        for op in self._graph.get_operations():
            if op.type in ("ProdEnvMatACounted", "ProdEnvMatRCounted"):
                self._counts.append(f"{op.name}:4")
                self._sel.append(tuple(op.get_attr("sel_a" if op.type == "ProdEnvMatACounted" else "sel")))
        self._callables: dict[tuple[str, ...], object] = {}
        self._reported: tuple[int, ...] | None = None

    def constant(self, name: str):
        """Return the value of the constant `name`; raise `InputError` if the graph does not contain it."""
        if name not in self.constants:
            raise InputError(f"{self.path}: the graph lacks the constant {name}")
        return self.constants[name]

    def text(self, name: str) -> str:
        """Return the value of the string constant `name`."""
        value = self.constant(name).item()
        return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)

    def has(self, name: str) -> bool:
        """Return True if the graph has a node `name`."""
        return name in self.constants or any(op.name == name for op in self._graph.get_operations())

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute the nodes `outputs`.

        Raises
        ------
        InputError
            If an output does not exist, or if a compiled op rejects the feeds; the message is that of the op.
        """
        key = tuple(outputs)
        if key not in self._callables:
            missing = [name for name in outputs if not self.has(name)]
            if missing:
                raise InputError(f"{self.path}: the graph has no output {', '.join(missing)}")
            fetches = [f"{name}:0" for name in outputs] + self._counts
            options = CallableOptions(feed=[f"{name}:0" for name in self.feed_names], fetch=fetches)
            # `make_callable` takes half a millisecond longer per call for graphs with feeds.
            self._callables[key] = self._session._make_callable_from_options(options)
        try:
            results = self._callables[key](*(feeds[name] for name in self.feed_names))
        except tf.errors.OpError as error:
            raise InputError(f"{self.path}: {ops.op_message(error)}") from error
        for count, sel in zip(results[len(outputs) :], self._sel, strict=True):
            self._report_overflow(count, sel)
        return results[: len(outputs)]

    def run_only(self, output: str) -> np.ndarray:
        """Compute a node that does not depend on feeds, such as ``t_typeebd``."""
        if not self.has(output):
            raise InputError(f"{self.path}: the graph has no output {output}")
        return self._session.run(f"{output}:0")

    def _report_overflow(self, count: np.ndarray, sel: tuple[int, ...]) -> None:
        """Warn if atoms have more neighbors than the model has slots; repeat the warning only for larger counts."""
        if not (count > sel).any():
            return
        enough = tuple(int(n) for n in np.maximum(sel, count))
        if self._reported is None or any(np.array(enough) > np.array(self._reported)):
            self._reported = enough
            log.warning(
                "%s: atoms have up to %s neighbors of each type (%s), but the model has sel %s. This portable graph "
                "ignores the farthest neighbors; freeze without --portable, or train with sel %s",
                self.path,
                count.tolist(),
                self.text("model_attr/tmap"),
                list(sel),
                list(enough),
            )


def _session_config(kinds: Collection[str]) -> tf.compat.v1.ConfigProto:
    """Return the session options for a graph with operations of these kinds.

    A native graph is one operation and needs no scheduler. On a GPU it keeps the default executor, because the
    single-threaded one can wait for a copy that it has not started yet.
    """
    config = tf.compat.v1.ConfigProto()
    if "EvaluateModel" in kinds and not tf.config.get_visible_devices("GPU"):
        config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    return config
