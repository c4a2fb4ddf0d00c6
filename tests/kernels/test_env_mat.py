import numpy as np
import pytest

from deepmd_tf.errors import InputError

from . import oracle
from .device import cpu, kernels
from .systems import FRAMES, Frame
from .test_neighbors import search

pytestmark = pytest.mark.usefixtures("on_device")

RCUT_SMTH = 0.8
NAMES = ["cubic", "triclinic", "slab", "polymer", "cluster", "isolated_atom", "no_atoms", "outside"]


COLUMNS = {"a": 4, "r": 1}


@pytest.fixture(params=list(COLUMNS))
def descriptor(request):
    return request.param


def tables(rng, sel, dtype=np.float64, descriptor="a"):
    shape = (len(sel), sum(sel) * COLUMNS[descriptor])
    return rng.normal(size=shape).astype(dtype), rng.uniform(0.5, 2.0, shape).astype(dtype)


def env_mat(frame: Frame, sel, davg, dstd, threads: int = 1, descriptor="a"):
    kernel = getattr(kernels, f"env_mat_{descriptor}")
    return kernel(frame.type, *search(frame), davg, dstd, frame.rcut, RCUT_SMTH, sel, threads)


@pytest.mark.parametrize("sel", [[20, 20, 20], [3, 4, 5], [0, 30, 1], [0, 0, 0]])
@pytest.mark.parametrize("name", NAMES)
def test_equals_definition(name, sel, descriptor, rng):
    frame = FRAMES[name]
    davg, dstd = tables(rng, sel, descriptor=descriptor)
    descrpt, _, rij, nlist, most = env_mat(frame, sel, davg, dstd, descriptor=descriptor)
    expected = oracle.slots(frame, sel, RCUT_SMTH, davg, dstd, COLUMNS[descriptor])
    atol = 1e-8 if name == "outside" else 1e-11
    np.testing.assert_array_equal(nlist, expected[2])
    np.testing.assert_allclose(rij, expected[1], atol=atol)
    np.testing.assert_allclose(descrpt, expected[0], atol=atol)
    np.testing.assert_array_equal(most, expected[3])


def test_empty_slots(descriptor, rng):
    frame, sel = FRAMES["isolated_atom"], [2, 1, 3]
    davg, dstd = tables(rng, sel, descriptor=descriptor)
    descrpt, deriv, rij, nlist, most = env_mat(frame, sel, davg, dstd, descriptor=descriptor)
    kind = frame.type[0]
    np.testing.assert_array_equal(nlist, -1)
    np.testing.assert_array_equal(descrpt.ravel(), (-davg / dstd)[kind])
    assert not deriv.any() and not rij.any() and most == [0, 0, 0]


def test_rows_exactly_at_capacity(rng):
    frame = FRAMES["cubic"]
    most = env_mat(frame, [1, 1, 1], *tables(rng, [1, 1, 1]))[-1]
    full = env_mat(frame, most, *tables(rng, most))
    blocks = np.split(full[3], np.cumsum(most)[:-1], axis=1)
    assert all((block >= 0).all(axis=1).any() for block in blocks)
    assert (full[3] >= 0).sum() == len(search(frame)[1])
    assert full[-1] == most


def test_what_does_not_fit_is_the_farthest_and_is_counted(rng):
    frame = FRAMES["cubic"]
    large, small = [30, 30, 30], [2, 3, 1]
    everyone = env_mat(frame, large, *tables(rng, large))
    kept = env_mat(frame, small, *tables(rng, small))
    for t, count in enumerate(small):
        begin = sum(small[:t])
        np.testing.assert_array_equal(kept[3][:, begin : begin + count], everyone[3][:, 30 * t : 30 * t + count])
    assert kept[-1] == everyone[-1] and max(kept[-1]) > 3


def test_radial_slots_are_the_first_column(rng):
    """Also where they cannot be told from the definition: with derivatives, and in float32."""
    frame, sel = FRAMES["triclinic"], [20, 3, 20]
    davg, dstd = tables(rng, sel, np.float32)
    whole = env_mat(frame, sel, davg, dstd)
    radial = env_mat(frame, sel, *(table[:, ::4].copy() for table in (davg, dstd)), descriptor="r")
    np.testing.assert_array_equal(radial[0], whole[0][:, :, :1])
    np.testing.assert_array_equal(radial[1], whole[1][:, :, :1])
    for got, expected in zip(radial[2:], whole[2:], strict=True):
        np.testing.assert_array_equal(got, expected)


def test_derivative_is_that_of_the_center(rng):
    """Moving one atom moves its slots by descrpt_deriv, and its slots in others' rows by the opposite."""
    sel, step, atom = [30, 30, 30], 1e-5, 11
    frame = FRAMES["triclinic"]
    davg, dstd = tables(rng, sel)
    _, deriv, _, nlist, _ = env_mat(frame, sel, davg, dstd)
    for b in range(3):
        moved = []
        for sign in (1, -1):
            coord = frame.coord.copy()
            coord[atom, b] += sign * step
            shifted = env_mat(Frame(coord, frame.type, frame.cell, frame.pbc, frame.rcut), sel, davg, dstd)
            np.testing.assert_array_equal(np.sort(shifted[3]), np.sort(nlist))
            moved.append(shifted)
        same = (moved[0][3] == nlist) & (moved[1][3] == nlist)
        numeric = (moved[0][0] - moved[1][0]) / (2 * step)
        np.testing.assert_allclose(deriv[atom, same[atom], :, b], numeric[atom, same[atom]], atol=1e-6)
        others = same & (nlist == atom)
        assert others.sum() > 5
        np.testing.assert_allclose(-deriv[others][:, :, b], numeric[others], atol=1e-6)


def test_float_is_the_rounded_double(rng):
    frame, sel = FRAMES["triclinic"], [20, 20, 20]
    davg, dstd = tables(rng, sel, np.float32)
    single = env_mat(frame, sel, davg, dstd)
    double = env_mat(frame, sel, davg.astype(float), dstd.astype(float))
    for got, expected in zip(single[:3], double[:3], strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=2e-7, atol=1e-30)
    np.testing.assert_array_equal(single[3], double[3])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_devices_agree(dtype, tolerance, descriptor, rng, monkeypatch):
    """Every device gives what the processor gives for the same rows, and in every run the same."""
    frame, sel = FRAMES["triclinic"], [20, 0, 7]
    rows, davg_dstd = search(frame), tables(rng, sel, dtype, descriptor)

    def run():
        return getattr(kernels, f"env_mat_{descriptor}")(frame.type, *rows, *davg_dstd, frame.rcut, RCUT_SMTH, sel)

    got, again = run(), run()
    monkeypatch.setattr(kernels, "module", cpu)
    for one, other, expected in zip(got, again, run(), strict=True):
        np.testing.assert_array_equal(other, one)
        np.testing.assert_allclose(one, expected, atol=tolerance * np.abs(expected).max(initial=0))


def row(neighbor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges of atom 0 alone, along x, one after another."""
    vec = np.zeros((len(neighbor), 3))
    vec[:, 0] = 1 + 0.01 * np.arange(len(neighbor))
    return np.array([0, len(neighbor)]), np.array(neighbor, np.int32), vec


def fill_row(neighbor, type, sel):
    davg_dstd = (np.zeros((len(sel), 4 * sum(sel))), np.ones((len(sel), 4 * sum(sel))))
    return kernels.env_mat_a(np.array(type, np.int32), *row(neighbor), *davg_dstd, 4.0, RCUT_SMTH, sel)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 64, 65, 100])
def test_rows_of_any_length(count):
    """Types whose edges end at, before and behind what a warp looks at together."""
    neighbor = [1] * count + [2] * 33 + [3] * (count // 2)
    _, _, rij, nlist, _ = fill_row(neighbor, [0, 0, 1, 2], [70, 33, 40])
    kept, room, first = [min(count, 70), 33, min(count // 2, 40)], [70, 33, 40], [0, count, count + 33]
    expected, x = np.full(sum(room), -1), np.zeros(sum(room))
    for t in range(3):
        begin = sum(room[:t])
        expected[begin : begin + kept[t]] = t + 1
        x[begin : begin + kept[t]] = 1 + 0.01 * (first[t] + np.arange(kept[t]))
    np.testing.assert_array_equal(nlist[0], expected)
    np.testing.assert_allclose(rij[0, :, 0], x, rtol=1e-15)


def test_row_that_is_not_sorted(on_device):
    """The processor stops at what is out of order, a GPU makes the whole row NaN."""
    descrpt, deriv, rij, nlist, _ = fill_row([2, 1, 2], [0, 0, 1], [3, 3])
    if on_device == "cpu":
        np.testing.assert_array_equal(nlist, [[-1, -1, -1, 2, -1, -1]])
    else:
        np.testing.assert_array_equal(nlist, -1)
        assert all(np.isnan(numbers).all() for numbers in (descrpt, deriv, rij))


def test_rows_are_checked():
    with pytest.raises(InputError, match=r"\[0, 3\)"):
        fill_row([1, 3], [0, 0, 0], [3])


def test_same_for_any_number_of_threads(rng):
    frame, sel = FRAMES["dense"], [40, 40, 40]
    davg, dstd = tables(rng, sel)
    for got, expected in zip(env_mat(frame, sel, davg, dstd, 5), env_mat(frame, sel, davg, dstd), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-7])
def test_atoms_at_one_position_are_named(apart, rng, on_device):
    """A GPU does not stop to look: the slots of the two are NaN, and no others."""
    coord = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [1 + apart, 0, 0]])
    frame = Frame(coord, np.zeros(4, np.int32), np.eye(3), (False, False, False), 3.0)
    if on_device != "cpu":
        descrpt, deriv, _, nlist, _ = env_mat(frame, [5], *tables(rng, [5]))
        together = (nlist == [[-9], [3], [-9], [1]]) & (nlist >= 0)
        assert together.sum() == 2
        for numbers in (descrpt, deriv):
            np.testing.assert_array_equal(np.isnan(numbers).reshape(4, 5, -1).all(axis=2), together)
            assert np.isfinite(numbers[~together]).all()
        return
    for sel in ([5], [0]):
        with pytest.raises(InputError, match="frame 0: atoms 1 and 3 are at the same position"):
            env_mat(frame, sel, *tables(rng, sel))


@pytest.mark.parametrize(("davg", "dstd"), [(0.0, 0.0), (np.nan, 1.0), (0.0, np.inf)])
def test_unusable_tables(davg, dstd):
    with pytest.raises(InputError, match="davg and dstd must be finite and dstd not zero"):
        env_mat(FRAMES["cubic"], [1, 1, 1], np.full((3, 12), davg), np.full((3, 12), dstd))


def test_type_without_a_block_is_named(rng):
    with pytest.raises(InputError, match=r"frame 0, atom \d+: expected a type in \[0, 2\), got 2"):
        env_mat(FRAMES["cubic"], [5, 5], *tables(rng, [5, 5]))
