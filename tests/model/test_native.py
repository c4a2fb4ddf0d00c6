"""The native form of the model equals the portable one: predictions, and the gradients that training follows."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops
from deepmd_tf.config import LossConfig
from deepmd_tf.descriptor.edges import Frames
from deepmd_tf.descriptor.padded import PaddedFrames
from deepmd_tf.descriptor.tabulation import MAX_PER_OCTAVE
from deepmd_tf.loss import EnergyLoss

from ..frames import make_frame
from ..models import KINDS, model_config, random_model, resolved, variant_config
from ..tiers import slow_but

OTHER_DERIVATIVES = ("exclude_like", "resnet_dt", "tebd_bias", "float32_descriptor", "strip_exclude", "hybrid_float32")
"""Settings whose gradients with respect to parameters take another path than those of the kinds."""

OUTPUTS = ("energy", "force", "virial", "atom_energy", "atom_virial", "descriptor")


def make_frames(shape, config):
    """Two frames of one composition as other programs feed them; places of the types differ."""
    first = make_frame(shape, config=config)
    frames = [first, first.replace(coord=1.05 * first.coord, cell=None if first.cell is None else 1.05 * first.cell)]
    frames[1] = frames[1].replace(types=np.roll(first.types, 1))
    natoms = first.natoms
    counts = np.bincount(frames[0].types, minlength=len(config.model.type_map))

    def stack(values, width):
        return None if values[0] is None else tf.constant(np.reshape(values, (2, width)), tf.float64)

    cells = [np.zeros(9) if frame.cell is None else frame.cell for frame in frames]
    return PaddedFrames(
        stack([frame.coord for frame in frames], natoms * 3),
        tf.constant([frame.types for frame in frames], tf.int32),
        tf.constant([natoms, natoms, *counts], tf.int32),
        stack(cells, 9),
        tf.zeros([0 if frames[0].cell is None else 6], tf.int32),
        stack([frame.fparam for frame in frames], -1),
        stack([frame.aparam for frame in frames], -1),
    )


def labels_of(frames):
    """Random labels of frames."""
    flat = frames if isinstance(frames, Frames) else frames.flat()
    nframes, natoms = len(flat.splits) - 1, len(flat.type)
    rng = np.random.default_rng(5)
    labels = {
        "energy": rng.normal(size=nframes),
        "force": rng.normal(size=(natoms, 3)),
        "virial": rng.normal(size=(nframes, 9)),
        "frame_splits": flat.splits,
    }
    return labels | {f"has_{name}": np.ones(nframes) for name in ("energy", "force", "virial")}


def evaluation(model, parameters, frames):
    """A graph function to predictions, and gradients of a loss of all of them by every parameter."""
    loss = EnergyLoss(LossConfig(start_pref_e=1.0, start_pref_f=10.0, start_pref_v=1.0))
    variables = {key: v for key, v in parameters.by_name.items() if v.trainable}
    labels = labels_of(frames)

    def evaluate(tabulation=None):
        with tf.GradientTape() as tape:
            prediction = model(frames, tabulation)
            value, _ = loss(prediction, labels, tf.constant(1.0, tf.float64))
        return prediction, tape.gradient(value, variables)

    return evaluate


def exact(model, parameters, frames):
    """Evaluate the embedding at every edge or slot."""
    return tf.function(evaluation(model, parameters, frames), autograph=False).get_concrete_function()()


def tabulated(model, parameters, frames):
    """Refine as training does; return the resolution, too."""
    return resolved(model.descriptor, evaluation(model, parameters, frames))


def assert_same(got, expected, tolerance):
    for name in OUTPUTS:
        reference = getattr(expected[0], name).numpy()
        scale = max(np.abs(reference).max(), 1e-3)
        np.testing.assert_allclose(
            getattr(got[0], name), reference, rtol=0, atol=tolerance * scale, err_msg=name
        )  # fmt: skip
    for key, gradient in expected[1].items():
        scale = max(np.abs(gradient).max(), 1e-3)
        np.testing.assert_allclose(got[1][key], gradient, rtol=0, atol=tolerance * scale, err_msg=key)


def tolerance_of(config):
    model = config.model
    nets = (*model.descriptor.members, model.fitting_net, model.type_embedding)
    return 1e-10 if all(net is None or net.precision == "float64" for net in nets) else 5e-5


QUICK = (
    "one_side-triclinic",
    "two_sides-small",
    "fparam_aparam-triclinic",
    "float32-triclinic",
    "relu-triclinic",
    "plain_one_side-triclinic",
    "strip_two_sides-triclinic",
    "pairs_plain-triclinic",
    "radial_plain-triclinic",
    "exclude_like-open",
    "strip_exclude-triclinic",
    "hybrid_float32-triclinic",
)
"""One of each way to a gradient; frozen graphs of all kinds are compared in tests/export/test_native.py."""

CASES = (
    *(f"{name}-triclinic" for name in (*KINDS, *OTHER_DERIVATIVES)),
    "one_side-open",
    "two_sides-small",
    "exclude_like-open",
)


@pytest.mark.parametrize("case", slow_but(QUICK, CASES))
def test_equals_portable(case):
    name, shape = case.split("-")
    config = variant_config(name)
    model, parameters = random_model(config, 3)
    frames = make_frames(shape, config)
    _, native = tabulated(model, parameters, frames.flat())
    assert_same(native, exact(model, parameters, frames), tolerance_of(config))
    np.testing.assert_array_equal(native[0].max_neighbors, counted_neighbors(model.descriptor, frames))


def counted_neighbors(descriptor, frames):
    """The counts of the op that the loader of portable graphs uses."""
    counts = []
    for member in descriptor.members:
        given = (frames.coord, frames.type, frames.natoms, frames.box, frames.mesh, member.avg, member.std)
        section = member.config
        if member.columns == 1:
            found = ops.prod_env_mat_r_counted(*given, rcut=section.rcut, rcut_smth=section.rcut_smth, sel=member.sel)
        else:
            cutoffs = {"rcut_a": -1.0, "rcut_r": section.rcut, "rcut_r_smth": section.rcut_smth}
            found = ops.prod_env_mat_a_counted(*given, **cutoffs, sel_a=member.sel, sel_r=[0] * len(member.sel))
        counts.append(found.max_neighbors)
    return np.concatenate(counts)


def test_evaluated_at_every_edge():
    """What is used for nets that are not smooth equals the tabulated form for one that is."""
    config = model_config({"descriptor": {"type_one_side": False}})
    model, parameters = random_model(config, 3)
    frames = make_frames("triclinic", config)
    resolution, found = tabulated(model, parameters, frames.flat())
    assert resolution.complete
    assert_same(exact(model, parameters, frames.flat()), found, 1e-10)


def test_relu_is_never_tabulated():
    config = model_config({"descriptor": {"activation_function": "relu"}})
    assert random_model(config)[0].descriptor.coarsest is None


def test_steep_nets_are_tabulated_finely_and_at_last_not_at_all():
    config = model_config()
    model, parameters = random_model(config, 3)
    frames = make_frames("triclinic", config)
    matrix = parameters.by_name["filter_type_all/matrix_1"]
    panels = []
    for factor in (1.0, 8.0, 1e4):
        matrix.assign(matrix * factor)
        resolution, native = tabulated(model, parameters, frames.flat())
        panels.append(*resolution.per_octave)
        assert_same(native, exact(model, parameters, frames), 1e-10)
    assert panels[0] < panels[1] <= MAX_PER_OCTAVE
    assert panels[2] is None


def test_frames_of_different_size_share_a_batch():
    config = variant_config("fparam_aparam")
    model, parameters = random_model(config, 3)
    parts = [make_frames(shape, config).flat() for shape in ("triclinic", "open", "small")]
    sizes = np.concatenate([np.diff(part.splits) for part in parts])

    def joined(*fields):
        return tf.concat(fields, axis=0)

    together = Frames(
        *(joined(*(getattr(part, name) for part in parts)) for name in ("coord", "type")),
        tf.constant(np.cumsum([0, *sizes]), tf.int32),
        *(joined(*(getattr(part, name) for part in parts)) for name in ("box", "periodic", "fparam", "aparam")),
    )
    _, (got, _) = tabulated(model, parameters, together)
    single = [exact(model, parameters, part)[0] for part in parts]
    for name in OUTPUTS:
        expected = np.concatenate([getattr(each, name) for each in single])
        np.testing.assert_allclose(getattr(got, name), expected, rtol=1e-10, atol=1e-10, err_msg=name)
