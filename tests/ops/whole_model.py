"""A whole model and frames as `ops.evaluate_model` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.descriptor.tabulation import Resolution

from ..frames import make_frame
from ..models import random_model

SHORTEST = 0.3


def evaluate(inputs: dict[str, Any], attributes: dict[str, Any]) -> ops.Evaluation:
    """Call the op with inputs and attributes by name."""

    def part(kind, values=inputs):
        return kind(**{name: values[name] for name in kind._fields})

    parts = [part(kind) for kind in (ops.DescriptorInputs, ops.TableInputs, ops.FittingInputs)]
    return ops.evaluate_model(part(ops.FrameInputs), ops.WholeModel(*parts, part(ops.ModelOptions, attributes)))


@dataclass
class Whole:
    """A model and frames as the op takes them, which a test may change."""

    model: Any
    inputs: dict[str, Any]
    attributes: dict[str, Any]

    def __call__(self, **changes):
        return evaluate({**self.inputs, **changes}, self.attributes)

    def expected(self, frames: Frames):
        """The same by the graph form."""

        @tf.function(autograph=False)
        def run():
            return self.model(frames)

        return run()


def resolved_table(descriptor, type_table):
    """The table on panels as fine as training would choose."""
    (per_octave,) = Resolution.reaching(descriptor.members, type_table, SHORTEST).per_octave
    return descriptor.whole_table(type_table, SHORTEST, per_octave)


def fitting_inputs(fitting, type_table):
    """Matrices of the fitting nets; what depends on the type alone is a bias."""
    ntypes, precision, nets = fitting.ntypes, fitting.config.precision, fitting.nets
    bias = fitting.energy_bias
    if fitting.config.atom_ener:
        bias = bias - fitting._in_vacuum(type_table, tf.range(ntypes), None)
    firsts = [tf.split(net.layers[0].matrix, net.widths, axis=0) for net in nets]
    if type_table is None:
        first_bias = tf.stack([net.layers[0].bias for net in nets])
    else:
        first_bias = tf.matmul(tf.cast(type_table, precision), firsts[0][1]) + nets[0].layers[0].bias
    none = tf.zeros([0], precision)
    return {
        "first_matrix": [w_descriptor for w_descriptor, _, _ in firsts],
        "extra_matrix": [w_extra for _, _, w_extra in firsts],
        "first_bias": first_bias,
        "matrices": [layer.matrix for net in nets for layer in net.layers[1:]],
        "biases": [layer.bias for net in nets for layer in net.layers[1:]],
        "idts": [none if layer.idt is None else layer.idt for net in nets for layer in net.layers],
        "final_matrix": [net.final.matrix for net in nets],
        "atom_bias": bias + tf.concat([tf.cast(net.final.bias, tf.float64) for net in nets], axis=0),
    }


def frame_inputs(frames: Frames, fitting):
    """Frames and what the fitting net is given beside the descriptor."""
    of_atom = np.repeat(np.arange(len(frames.splits) - 1), np.diff(frames.splits))
    fparam = None if frames.fparam is None else tf.gather(frames.fparam, of_atom)
    extra = fitting._extra(fparam, frames.aparam)
    precision = fitting.config.precision
    extra = tf.zeros([len(frames.type), 0], precision) if extra is None else tf.cast(extra, precision)
    return {
        **{name: getattr(frames, name) for name in ("coord", "type", "box", "periodic")},
        "frame_splits": frames.splits,
        "extra": extra,
    }


def make_whole(config, frames: Frames, seed: int = 3) -> Whole:
    """A random model."""
    model, _ = random_model(config, seed)
    descriptor, section = model.descriptor, config.model.descriptor
    type_table = model.type_table()
    table = resolved_table(descriptor, type_table)
    normalization = descriptor.normalization
    inputs = {
        **frame_inputs(frames, model.fitting),
        **{name: getattr(normalization, name) for name in ("avg", "std_radial", "std_angular")},
        **{name: getattr(table.panels, name) for name in ("lowest", "unit", "per_octave")},
        **{name: getattr(table, name) for name in ("table", "empty")},
        **{"rcut": section.rcut, "rcut_smth": section.rcut_smth, "sel": np.array(descriptor.sel, np.int32)},
        **fitting_inputs(model.fitting, type_table),
    }
    attributes = {
        "one_side": section.type_one_side,
        "exclude_types": section.exclude_types,
        "axis_neuron": section.axis_neuron,
        "activation": config.model.fitting_net.activation_function,
    }
    return Whole(model, inputs, attributes)


def make_frames(config, names=("triclinic", "open", "small")) -> Frames:
    """Frames of different size and boundaries in one batch."""
    frames = [make_frame(name, config=config) for name in names]

    def joined(values, width):
        return tf.constant(np.concatenate([np.reshape(each, (-1, width)) for each in values]))

    fitting = config.model.fitting_net
    cells = [np.zeros((3, 3)) if frame.cell is None else frame.cell for frame in frames]
    return Frames(
        joined((frame.coord for frame in frames), 3),
        tf.constant(np.concatenate([frame.types for frame in frames]), tf.int32),
        tf.constant(np.cumsum([0, *(frame.natoms for frame in frames)]), tf.int32),
        tf.constant(np.reshape(cells, (-1, 9)), tf.float64),
        tf.constant([frame.cell is not None for frame in frames]),
        joined((frame.fparam for frame in frames), fitting.numb_fparam) if fitting.numb_fparam else None,
        joined((frame.aparam for frame in frames), fitting.numb_aparam) if fitting.numb_aparam else None,
    )
