"""One GPU for each rank, and a word when ranks have to share."""

from __future__ import annotations

import collections
import ctypes
import logging

from deepmd_tf.train.ranks import Ranks

log = logging.getLogger("deepmd_tf")

_DRIVER = "libcuda.so.1"


def use_one_gpu(ranks: Ranks) -> None:
    """Leave each of several ranks one GPU of its node, and say when they share; before TensorFlow uses one."""
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
        Which GPU each rank has; None when it has none or one that is not known.
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
    """Return what tells a GPU from all others, on any node and under any numbers: its UUID; None when it is not known.

    Numbers do not: a launcher that gives each process a GPU of its own lets each call it 0.

    Parameters
    ----------
    number : int
        Of the GPU among those that this process sees.
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
