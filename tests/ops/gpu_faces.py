"""Graphs whose ops run the kernels for GPUs, emulated by the processor: what their faces do is tested without a GPU."""

from __future__ import annotations

import functools
from unittest import mock

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry

from deepmd_tf import ops
from deepmd_tf.ops import library

LABEL = "emulated"


def our_ops() -> set[str]:
    """The names of the ops of the library."""
    return {
        name for name in vars(ops.load()) if name != "Any" and op_def_registry.get(name) is not None
    }  # not typing.Any


def registered(device: str, label: str = "") -> dict:
    """Our kernels for a device: (op, constraints of types) -> inputs and outputs in the processor's memory."""
    ours = our_ops()
    return {
        (kernel.op, *sorted(str(constraint) for constraint in kernel.constraint)): sorted(kernel.host_memory_arg)
        for kernel in kernels.get_all_registered_kernels().kernel
        if kernel.op in ours and (kernel.device_type, kernel.label) == (device, label)
    }


@functools.cache
def load() -> dict[str, str]:
    """Load the faces for GPUs on emulated kernels; op -> label. ImportError where they were not built."""
    ops.load()
    tf.load_op_library(str(library._find("libdeepmd_op_emulated.so")))
    return {name: LABEL for name, *_ in registered("CPU", LABEL)}


def emulated():
    """In this context every op that is put into a graph, or into one inside of it, runs the emulated kernels."""
    labels = property(lambda graph: load(), lambda graph, value: None)
    return mock.patch.object(tf.Graph, "_op_to_kernel_label_map", labels, create=True)


def run(function, *arguments):
    """What a function of tensors returns as a graph, and its ops of ours with the labels of their kernels."""
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments)
    definition = graph.graph.as_graph_def()
    nodes = [*definition.node, *(node for inner in definition.library.function for node in inner.node_def)]
    labels = {(node.op, node.attr["_kernel"].s.decode()) for node in nodes if node.op in our_ops()}
    return graph(*arguments), labels


def assert_same(function, *arguments) -> set[str]:
    """Compare what a function of tensors returns on the kernels of the processor and on those of the faces for GPUs.

    To rounding in float64, or in float32 where an argument is.

    Returns
    -------
    set of str
        The ops of ours in it.
    """
    arguments = tf.nest.map_structure(tf.convert_to_tensor, arguments)
    expected, labels = run(function, *arguments)
    assert {label for _, label in labels} == {""}
    with emulated():
        got, labels = run(function, *arguments)
    assert {label for _, label in labels} == {LABEL}
    tf.nest.assert_same_structure(got, expected)
    rtol = 1e-5 if tf.float32 in {each.dtype for each in tf.nest.flatten(arguments)} else 1e-10
    for mine, reference in zip(tf.nest.flatten(got), tf.nest.flatten(expected), strict=True):
        assert mine.dtype == reference.dtype
        if reference.dtype.is_floating:
            scale = np.abs(reference).max(initial=0)
            np.testing.assert_allclose(mine, reference, rtol=0, atol=rtol * scale)
        else:
            np.testing.assert_array_equal(mine, reference)
    return {name for name, _ in labels}
