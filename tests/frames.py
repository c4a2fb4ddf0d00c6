"""Small frames for models of tests."""

from __future__ import annotations

import numpy as np

from deepmd_tf import testing
from deepmd_tf.testing import FRAMES, Frame

__all__ = ["FRAMES", "Frame", "make_frame"]


def make_frame(name: str = "triclinic", *, config=None, ntypes: int = 2, seed: int = 0) -> Frame:
    """Return a frame with atoms of all types that have slots, and the parameters of a model.

    Parameters
    ----------
    name : str
        One of `FRAMES`.
    config : Config, optional
        Configuration of the model.
    ntypes : int
        Number of types, without `config`.
    seed : int
        Seed of the positions.
    """
    if config is None:
        return testing.make_frame(name, types=range(ntypes), seed=seed)
    fitting = config.model.fitting_net
    return testing.make_frame(
        name,
        types=np.flatnonzero(config.model.descriptor.members[0].sel),
        nfparam=fitting.numb_fparam,
        naparam=fitting.numb_aparam,
        seed=seed,
    )
