import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import _kernels, ops

from .conftest import COLUMNS, Slots, make_batch, make_slots


def shaped(slots, nframes=2, nloc=4):
    """The inputs in the shapes of the NumPy face."""
    shape = (nframes, nloc, slots.nnei)
    columns = COLUMNS[slots.descriptor]
    return (
        slots.net_deriv.numpy().reshape(*shape, columns),
        slots.in_deriv.numpy().reshape(*shape, columns, 3),
        slots.rij.numpy().reshape(*shape, 3),
        slots.nlist.numpy().reshape(shape),
    )


def kernels(slots):
    return (getattr(_kernels, f"{name}_se_{slots.descriptor}") for name in ("force", "virial"))


def test_equals_kernels(dtype, descriptor, rng):
    slots = make_slots(rng, dtype=dtype, descriptor=descriptor)
    net_deriv, in_deriv, rij, nlist = shaped(slots)
    force_kernel, virial_kernel = kernels(slots)
    np.testing.assert_array_equal(slots.force(), force_kernel(net_deriv, in_deriv, nlist, 6).reshape(2, -1))
    virial, atom_virial = virial_kernel(net_deriv, in_deriv, rij, nlist, 6)
    np.testing.assert_array_equal(slots.virial().virial, virial)
    np.testing.assert_array_equal(slots.virial().atom_virial, atom_virial.reshape(2, -1))


def test_large_batch_equals_one_thread(rng):
    """More work than one of TensorFlow's threads takes on alone."""
    slots = make_slots(rng, nframes=3, nloc=300, nall=400, nnei=40)
    net_deriv, in_deriv, rij, nlist = shaped(slots, 3, 300)
    np.testing.assert_array_equal(slots.force(), _kernels.force_se_a(net_deriv, in_deriv, nlist, 400).reshape(3, -1))
    np.testing.assert_array_equal(
        slots.virial().atom_virial, _kernels.virial_se_a(net_deriv, in_deriv, rij, nlist, 400)[1].reshape(3, -1)
    )


def assert_gradient(function, arguments):
    theoretical, numerical = tf.test.compute_gradient(function, arguments, delta=1e-3)
    for got, expected in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)
        assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("output", ["force", "virial", "atom_virial", "both"])
def test_first_gradient(output, descriptor, rng):
    slots = make_slots(rng, descriptor=descriptor)
    functions = {
        "force": slots.force,
        "virial": lambda net: slots.virial(net).virial,
        "atom_virial": lambda net: slots.virial(net).atom_virial,
        "both": lambda net: tf.concat(slots.virial(net), axis=1),
    }
    assert_gradient(functions[output], [slots.net_deriv])


@pytest.mark.parametrize("output", ["force", "virial"])
def test_second_gradient(output, descriptor, rng):
    """The gradient of a quadratic loss is itself differentiable, as training on forces needs it to be."""
    slots = make_slots(rng, descriptor=descriptor)

    def gradient(net_deriv):
        with tf.GradientTape() as tape:
            tape.watch(net_deriv)
            if output == "force":
                loss = tf.reduce_sum(slots.force(net_deriv) ** 3)
            else:
                virial, atom_virial = slots.virial(net_deriv)
                loss = tf.reduce_sum(virial**3) + tf.reduce_sum(atom_virial**2)
        return tape.gradient(loss, net_deriv)

    theoretical, numerical = tf.test.compute_gradient(gradient, [slots.net_deriv], delta=1e-5)
    np.testing.assert_allclose(theoretical[0], numerical[0], rtol=1e-6, atol=1e-4)


def test_gradients_in_a_graph_nested_and_mixed(descriptor, rng):
    slots = make_slots(rng, descriptor=descriptor)

    @tf.function
    def run(net_deriv):
        with tf.GradientTape() as tape:
            tape.watch(net_deriv)
            first = tf.gradients(tf.reduce_sum(slots.force(net_deriv) ** 2), net_deriv)[0]
            value = tf.reduce_sum(first**2)
        return tape.gradient(value, net_deriv)

    with tf.GradientTape() as outer:
        outer.watch(slots.net_deriv)
        with tf.GradientTape() as inner:
            inner.watch(slots.net_deriv)
            loss = tf.reduce_sum(slots.force() ** 2)
        value = tf.reduce_sum(inner.gradient(loss, slots.net_deriv) ** 2)
    np.testing.assert_allclose(run(slots.net_deriv), outer.gradient(value, slots.net_deriv), rtol=1e-12)


def test_force_is_minus_the_derivative_of_an_energy(descriptor, rng):
    """A function of the environment matrix, its force by the ops, and its change when an atom moves."""
    columns = COLUMNS[descriptor]
    batch = make_batch(rng, "triclinic", nframes=1, descriptor=descriptor)
    batch.sel = (25, 25, 25)
    batch.davg, batch.dstd = np.full((3, 75 * columns), 0.3), np.full((3, 75 * columns), 0.7)
    weights = tf.constant(rng.normal(size=[columns]))

    def energy(descrpt):
        # The same function of every slot: neither the order of neighbors nor an exchange of two of them matters.
        return tf.reduce_sum(tf.sin(tf.reshape(descrpt, [-1, columns])) * weights)

    out = batch()
    with tf.GradientTape() as tape:
        tape.watch(out.descrpt)
        total = energy(out.descrpt)
    net_deriv = tape.gradient(total, out.descrpt)
    slots = Slots(net_deriv, out.descrpt_deriv, out.rij, out.nlist, batch.natoms, 75, descriptor)
    force = slots.force().numpy()[0]
    virial, atom_virial = slots.virial()
    virial = virial.numpy()[0]
    np.testing.assert_allclose(tf.reshape(atom_virial, [-1, 9]).numpy().sum(axis=0), virial, atol=1e-11)

    def change(spoil, step=1e-5):
        values = []
        for sign in (1, -1):
            coord, box = batch.coord.copy(), batch.box.copy()
            spoil(sign * step)
            values.append(float(energy(batch().descrpt)))
            batch.coord, batch.box = coord, box
        return (values[0] - values[1]) / (2 * step)

    for k in (0, 37, 89):

        def move(step, k=k):
            batch.coord[0, k] += step

        assert force[k] == pytest.approx(-change(move), abs=1e-7)

    for a in range(3):
        for b in range(3):

            def strain(step, a=a, b=b):
                # r_b += step r_a for positions and cell vectors alike.
                for array in (batch.coord, batch.box):
                    array.reshape(-1, 3)[:, b] += step * array.reshape(-1, 3)[:, a]

            assert virial[3 * b + a] == pytest.approx(-change(strain), abs=1e-6)


def test_graph_shapes(descriptor, rng):
    natoms = tf.constant(make_slots(rng).natoms)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)] * 3 + [tf.TensorSpec([None, 12], tf.int32)])
    def run(net_deriv, in_deriv, rij, nlist):
        with tf.GradientTape() as tape:
            tape.watch(net_deriv)
            slots = Slots(net_deriv, in_deriv, rij, nlist, natoms, 3, descriptor)
            force, virial = slots.force(), slots.virial()
            loss = tf.reduce_sum(force**2) + tf.reduce_sum(virial.virial**2)
        assert force.shape.as_list() == [None, 18]
        assert virial.virial.shape.as_list() == [None, 9] and virial.atom_virial.shape.as_list() == [None, 54]
        assert tape.gradient(loss, net_deriv).shape.as_list() == [None, 12 * COLUMNS[descriptor]]
        return force

    run.get_concrete_function()


def without(rng, **changes):
    slots = make_slots(rng)
    for name, value in changes.items():
        setattr(slots, name, value)
    return slots


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net_deriv": np.zeros((2, 47))}, r"net_deriv: expected shape \[2,48\], got \[2,47\]"),
        ({"in_deriv": np.zeros((1, 144))}, r"in_deriv: expected shape \[2,144\], got \[1,144\]"),
        ({"nlist": np.zeros((2, 11), np.int32)}, r"nlist: expected shape \[\?,12\], got \[2,11\]"),
        ({"nlist": np.zeros(12, np.int32)}, r"nlist: expected shape \[\?,12\], got \[12\]"),
        ({"nlist": np.full((2, 12), 6, np.int32)}, r"nlist: expected -1 or an atom in \[0, 6\), got 6"),
        ({"nlist": np.full((2, 12), -2, np.int32)}, r"nlist: expected -1 or an atom in \[0, 6\), got -2"),
        ({"natoms": np.array([4, 3, 4], np.int32)}, "natoms: expected 0 <= nloc <= nall"),
        ({"natoms": np.array([4, 6], np.int32)}, "natoms: expected"),
        ({"nnei": -3}, "n_a_sel: expected the number of slots"),
    ],
)
def test_wrong_input_is_named(changes, message, rng):
    slots = without(rng, **changes)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        slots.force()
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        slots.virial()


def test_wrong_input_of_the_radial_ops_is_named(rng):
    """What differs from the ops of whole rows: the width, and that the number of slots is read from nlist."""
    for changes, message in (
        ({"net_deriv": np.zeros((2, 48))}, r"net_deriv: expected shape \[2,12\], got \[2,48\]"),
        ({"in_deriv": np.zeros((2, 144))}, r"in_deriv: expected shape \[2,36\], got \[2,144\]"),
        ({"nlist": np.zeros((2, 11), np.int32)}, "expected the same number of slots for each of 4 centers, got 11"),
        ({"nlist": np.zeros(12, np.int32)}, r"nlist: expected shape \[\?,\?\], got \[12\]"),
        ({"nlist": np.full((2, 12), 6, np.int32)}, r"nlist: expected -1 or an atom in \[0, 6\), got 6"),
    ):
        slots = dataclasses.replace(make_slots(rng, descriptor="r"), **changes)
        for call in (slots.force, slots.virial):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                call()


def test_wrong_rij_is_named(rng):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rij: expected shape \[2,36\], got \[2,35\]"):
        without(rng, rij=np.zeros((2, 35))).virial()


def test_wrong_gradient_is_named(rng):
    slots, library = make_slots(rng), ops.load()
    attributes = {"n_a_sel": 3, "n_r_sel": 0}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"grad: expected shape \[2,18\], got \[2,17\]"):
        library.prod_force_se_a_grad(np.zeros((2, 17)), slots.in_deriv, slots.nlist, slots.natoms, **attributes)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"grad_atom: expected shape \[2,54\], got \[2,53\]"):
        library.prod_virial_se_a_grad(
            np.zeros((2, 9)), np.zeros((2, 53)), slots.in_deriv, slots.rij, slots.nlist, slots.natoms, **attributes
        )
