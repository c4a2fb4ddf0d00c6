"""How the kernels of a GPU divide their work: arithmetic that needs no GPU, up to sizes that none holds."""

import pytest

from . import device

WARP = 32
SIZES = [0, 1, 31, 32, 33, 255, 256, 257, 98304 * 92, 2**31 - 1, 2**31, 2**32 + 5, 2**40, 2**62]
# Threads that work on one item, by the function that makes the grid.
SHARES = {"grid_of_threads": lambda threads: 1, "grid_of_warps": lambda threads: WARP, "grid_of_blocks": int}


@pytest.fixture
def gpu():
    return pytest.importorskip("deepmd_tf._gpu_emulated")


@pytest.mark.parametrize("items", SIZES)
@pytest.mark.parametrize("threads", [32, 256, 1024])
@pytest.mark.parametrize("name", SHARES)
def test_every_item_has_its_threads_or_a_turn(gpu, name, threads, items):
    blocks, of_block = getattr(gpu, name)(items, threads)
    assert of_block == threads
    assert 0 <= blocks <= gpu.MAX_BLOCKS < 2**31
    at_once = blocks * threads // SHARES[name](threads)
    assert at_once >= items or blocks == gpu.MAX_BLOCKS
    # No block has nothing to do.
    assert (blocks - 1) * threads // SHARES[name](threads) < max(items, 1)


def test_no_items_no_blocks(gpu):
    assert [getattr(gpu, name)(0)[0] for name in SHARES] == [0, 0, 0]
    assert [getattr(gpu, name)(-5)[0] for name in SHARES] == [0, 0, 0]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
def test_bits_hold_the_largest_key(gpu, n):
    assert gpu.bits_of(n) == max(n.bit_length(), 1)


def test_devices_have_the_same_functions():
    """What one device has, the other has: a kernel cannot be left out unnoticed."""
    gpu = pytest.importorskip("deepmd_tf._gpu_emulated")
    only_here = {"instruction_set", "instruction_sets", "use_instruction_set"}
    missing = {name for name in dir(device.cpu) if not name.startswith("_")} - only_here - set(dir(gpu))
    assert missing == set()
