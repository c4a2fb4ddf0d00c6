"""Physics checks of a potential, as test classes for pytest.

`GradientChecks` compares forces and virials with finite differences of the energy. `PhysicsChecks` adds the symmetries
(translation, rotation, reflection, permutation, periodic images), the limits (isolated atom, separated molecules,
doubled cell), smoothness at the cutoff, and the independence of the frames of a batch. Both work with any potential:
inherit from one of them and define the fixture ``subject``.

This package needs pytest: ``pip install deepmd_tf[test]``.

Examples
--------
A pair potential in NumPy. A potential in a frozen graph needs a single line:
``return Subject.from_potential(DeepPot("graph.pb"))``.

>>> import numpy as np
>>> import pytest
>>> from deepmd_tf.testing import PhysicsChecks, Prediction, Subject
>>>
>>> def evaluate(coord, cell, types, fparam=None, aparam=None):
...     images = np.zeros((1, 1, 3))
...     if cell is not None:
...         coord = coord - np.floor(coord @ np.linalg.inv(cell)) @ cell
...         images = np.stack(np.meshgrid(*3 * [np.arange(-2, 3)]), axis=-1).reshape(-1, 3) @ cell
...     vector = coord[:, None, :, None] - coord[:, :, None, None] + images[:, None, None]
...     r = np.linalg.norm(vector, axis=-1)
...     near = (r > 0) & (r < 3.0)
...     r = np.where(near, r, 3.0)
...     weight = 1.0 + types[:, None, None] + types[:, None]
...     energy = 0.5 * (weight * (3.0 - r) ** 4).sum(axis=(1, 2, 3))
...     pull = (-4 * weight * (3.0 - r) ** 3 / r)[..., None] * vector
...     virial = -0.5 * np.einsum("fijna,fijnb->fab", pull, vector)
...     return Prediction(energy, pull.sum(axis=(2, 3)), virial.reshape(-1, 9))
>>>
>>> class TestPairPotential(PhysicsChecks):
...     @pytest.fixture
...     def subject(self):
...         return Subject(evaluate, cutoff=3.0)
"""

import pytest

pytest.register_assert_rewrite("deepmd_tf.testing.gradient", "deepmd_tf.testing.physics")

from deepmd_tf.testing.frames import FRAMES, Frame, make_frame  # noqa: E402
from deepmd_tf.testing.gradient import GradientChecks  # noqa: E402
from deepmd_tf.testing.physics import PhysicsChecks  # noqa: E402
from deepmd_tf.testing.subject import Prediction, Subject  # noqa: E402

__all__ = ["FRAMES", "Frame", "GradientChecks", "PhysicsChecks", "Prediction", "Subject", "make_frame"]
