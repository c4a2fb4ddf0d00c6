import numpy as np
import pytest

from deepmd_tf.errors import InputError

from . import oracle
from .device import cpu, kernels

pytestmark = pytest.mark.usefixtures("on_device")

SHAPES = [(2, 7, 7, 5), (1, 200, 200, 9), (3, 4, 11, 6), (1, 1, 1, 3), (0, 3, 3, 2), (2, 0, 4, 3), (2, 5, 5, 0)]
COLUMNS = {"a": 4, "r": 1}
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


class Slots:
    """Random slots of a descriptor "a" or "r", a third of them empty; a case is (nframes, nloc, nall, nnei)."""

    def __init__(self, rng, case, dtype=np.float64, descriptor="a"):
        nframes, nloc, nall, nnei = case
        columns = COLUMNS[descriptor]
        self.descriptor = descriptor
        shape = (nframes, nloc, nnei)
        self.nall = nall
        self.nlist = np.where(rng.random(shape) < 1 / 3, -1, rng.integers(0, nall, shape)).astype(np.int32)
        self.net_deriv = rng.normal(size=(*shape, columns)).astype(dtype)
        self.in_deriv = rng.normal(size=(*shape, columns, 3)).astype(dtype)
        self.rij = rng.normal(size=(*shape, 3)).astype(dtype)
        self.grad = rng.normal(size=(nframes, nall, 3)).astype(dtype)
        self.grad_virial = rng.normal(size=(nframes, 9)).astype(dtype)
        self.grad_atom = rng.normal(size=(nframes, nall, 9)).astype(dtype)

    def kernel(self, name, suffix=""):
        return getattr(kernels, f"{name}_se_{self.descriptor}{suffix}")

    def force(self, threads=1):
        return self.kernel("force")(self.net_deriv, self.in_deriv, self.nlist, self.nall, threads)

    def force_grad(self, threads=1):
        return self.kernel("force", "_grad")(self.grad, self.in_deriv, self.nlist, threads)

    def virial(self, threads=1):
        return self.kernel("virial")(self.net_deriv, self.in_deriv, self.rij, self.nlist, self.nall, threads)

    def virial_grad(self, threads=1):
        return self.kernel("virial", "_grad")(
            self.grad_virial, self.grad_atom, self.in_deriv, self.rij, self.nlist, threads
        )


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=list(COLUMNS))
def descriptor(request):
    return request.param


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_force_equals_definition(case, dtype, descriptor, rng):
    slots = Slots(rng, case, dtype, descriptor)
    force = slots.force()
    assert force.dtype == dtype
    expected = oracle.force(slots.net_deriv, slots.in_deriv, slots.nlist, slots.nall)
    np.testing.assert_allclose(force, expected, atol=TOLERANCE[dtype] * 10)


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_virial_equals_definition(case, dtype, descriptor, rng):
    slots = Slots(rng, case, dtype, descriptor)
    virial, atom_virial = slots.virial()
    assert virial.dtype == atom_virial.dtype == dtype
    expected = oracle.virial(slots.net_deriv, slots.in_deriv, slots.rij, slots.nlist, slots.nall)
    np.testing.assert_allclose(atom_virial, expected, atol=TOLERANCE[dtype] * 10)
    np.testing.assert_allclose(virial, expected.sum(axis=1), atol=TOLERANCE[dtype] * 1000)


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_gradient_is_the_transpose(case, descriptor, rng):
    """<grad, A net> = <A^T grad, net> for both maps, with empty slots left out of the sums."""
    slots = Slots(rng, case, descriptor=descriptor)
    assert np.sum(slots.grad * slots.force()) == pytest.approx(np.sum(slots.force_grad() * slots.net_deriv))
    virial, atom_virial = slots.virial()
    left = np.sum(slots.grad_virial * virial) + np.sum(slots.grad_atom * atom_virial)
    assert left == pytest.approx(np.sum(slots.virial_grad() * slots.net_deriv))
    empty = slots.nlist < 0
    assert not slots.force_grad()[empty].any() and not slots.virial_grad()[empty].any()


def test_forces_of_a_frame_cancel(descriptor, rng):
    np.testing.assert_allclose(Slots(rng, (2, 60, 60, 30), descriptor=descriptor).force().sum(axis=1), 0, atol=1e-11)


CALLS = ("force", "force_grad", "virial", "virial_grad")


def test_devices_agree(dtype, descriptor, rng, monkeypatch):
    """Every device gives what the processor gives, and in every run the same."""
    slots = Slots(rng, (2, 40, 55, 37), dtype, descriptor)
    results = [getattr(slots, call)() for call in CALLS]
    for call, result in zip(CALLS, results, strict=True):
        np.testing.assert_array_equal(np.concatenate(getattr(slots, call)(), None), np.concatenate(result, None))
    monkeypatch.setattr(kernels, "module", cpu)
    for call, result in zip(CALLS, results, strict=True):
        result, expected = (np.concatenate(values, None) for values in (result, getattr(slots, call)()))
        np.testing.assert_allclose(result, expected, atol=TOLERANCE[dtype] * np.abs(expected).max())


def test_frames_do_not_mix(rng):
    both = Slots(rng, (2, 50, 70, 8))
    for f in range(2):
        one = kernels.force_se_a(both.net_deriv[f : f + 1], both.in_deriv[f : f + 1], both.nlist[f : f + 1], 70)
        np.testing.assert_array_equal(one[0], both.force()[f])


def test_same_for_any_number_of_threads(dtype, descriptor, rng):
    slots = Slots(rng, (2, 300, 350, 20), dtype, descriptor)
    virials = (lambda threads: slots.virial(threads)[0], lambda threads: slots.virial(threads)[1])
    for call in (slots.force, slots.force_grad, *virials, slots.virial_grad):
        expected = call(1)
        for threads in (2, 3, 8):
            np.testing.assert_array_equal(call(threads), expected)


@pytest.mark.parametrize("bad", [-2, 7, 2**30])
def test_neighbor_that_does_not_exist_is_named(bad, rng):
    slots = Slots(rng, (2, 5, 7, 4))
    slots.nlist[1, 3, 2] = bad
    for call in (slots.force, slots.force_grad, slots.virial, slots.virial_grad):
        with pytest.raises(InputError, match=rf"expected -1 or an atom in \[0, 7\), got {bad} for center 3 of frame 1"):
            call()


def test_shapes_are_checked(rng):
    slots = Slots(rng, (2, 5, 7, 4))
    with pytest.raises(InputError, match=r"in_deriv: expected shape \[2,5,4,4,3\], got \[1,5,4,4,3\]"):
        kernels.force_se_a(slots.net_deriv, slots.in_deriv[:1], slots.nlist, 7)
    with pytest.raises(InputError, match=r"in_deriv: expected shape \[2,5,4,1,3\], got \[2,5,4,4,3\]"):
        kernels.force_se_r(slots.net_deriv, slots.in_deriv, slots.nlist, 7)
    with pytest.raises(InputError, match="nall: expected at least nloc"):
        kernels.force_se_a(slots.net_deriv, slots.in_deriv, slots.nlist, 4)
    with pytest.raises(InputError, match="rij"):
        kernels.virial_se_a(slots.net_deriv, slots.in_deriv, slots.rij[:1], slots.nlist, 7)
    with pytest.raises(InputError, match="grad"):
        kernels.force_se_a_grad(slots.grad[:1], slots.in_deriv, slots.nlist)
