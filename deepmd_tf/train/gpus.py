"""Assignment of GPUs to ranks."""

from __future__ import annotations

import collections
import ctypes
import logging

from deepmd_tf.train.ranks import Ranks

log = logging.getLogger("deepmd_tf")

_DRIVER = "libcuda.so.1"


def use_one_gpu(ranks: Ranks) -> None:
    """Assign one GPU of its node to each of several ranks, before TensorFlow uses one; warn about shared GPUs."""
    if ranks.size == 1:
        return
    import tensorflow as tf

    devices, mine = tf.config.list_physical_devices("GPU"), None
    if devices:
        number = ranks.local_rank % len(devices)
        tf.config.set_visible_devices(devices[number], "GPU")
        mine = identity(number)
    owners = ranks.gather(mine)
    if ranks.leads:
        report_sharing(owners)


def report_sharing(owners: list[str | None]) -> None:
    """Warn when a GPU has several ranks.

    Parameters
    ----------
    owners : list of str or None
        UUID of the GPU of each rank; None for no or an unknown GPU.
    """
    counts = collections.Counter(owner for owner in owners if owner is not None)
    shared = [count for count in counts.values() if count > 1]
    if shared:
        log.warning(
            "%d ranks share %s: they compute in turn, and its memory suffices only with "
            "TF_FORCE_GPU_ALLOW_GROWTH=true; one rank per GPU is faster (GPUs found: %d)",
            sum(shared),
            "a GPU" if len(shared) == 1 else f"{len(shared)} GPUs",
            len(counts),
        )


def identity(number: int) -> str | None:
    """Return the UUID of a GPU; None if it is not known.

    The number of a GPU does not identify it: a launcher that gives each process one GPU lets each call it 0.

    Parameters
    ----------
    number : int
        Number of the GPU among those visible to this process.
    """
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return None
    device, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    of_device = getattr(driver, "cuDeviceGetUuid_v2", None) or getattr(driver, "cuDeviceGetUuid", None)
    if of_device is None or driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), number):
        return None
    return None if of_device(uuid, device) else bytes(uuid).hex()
